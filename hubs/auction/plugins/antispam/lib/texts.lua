-- What antispam looks for in a text.
local texts = {}

function texts.links(text)
    local _, n = text:gsub("https?://", "")
    return n
end

-- Whether it has plugin.shoutingFrom letters or more, and none of them is small. Letters beyond ASCII do not count.
function texts.shouts(text)
    local _, letters = text:gsub("%a", "")
    return plugin.shoutingFrom > 0 and letters >= plugin.shoutingFrom and not text:find("%l")
end

return texts
