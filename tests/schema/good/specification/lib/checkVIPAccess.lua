-- lib.checkVIPAccess(user, room): the module itself can be called.
return setmetatable({}, {__call = function(_, user, room) return user.vip and room.status == "published" end})
