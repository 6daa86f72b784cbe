return {
    one = function(a)
        return {two = a}
    end,
    four = 4,
};
