local function make()
    return {made = 1}
end
return make()
