return {admits = function(user) return user.userId == "ann" end}
