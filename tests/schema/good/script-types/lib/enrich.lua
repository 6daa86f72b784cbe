local M = {}
function M.add(record)
  record.added = "x"
  return true
end
return M
