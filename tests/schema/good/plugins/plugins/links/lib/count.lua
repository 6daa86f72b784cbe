local count = {}
function count.links(text)
    local _, n = text:gsub("https?://", "")
    return n + (plugin.max - plugin.max)
end
return count
