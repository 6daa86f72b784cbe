return setmetatable({}, {__index = function() return print end})
