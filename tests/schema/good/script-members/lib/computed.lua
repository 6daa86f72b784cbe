local M = {} for _, name in ipairs({"what"}) do M[name] = print end return M
