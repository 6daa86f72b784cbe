return {tick = function(roomId) return {serverMessages = {}} end}
