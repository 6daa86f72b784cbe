return {
    tick = function(roomId)
        hub.broadcast(roomId, "gameOver", {})
        return {serverMessages = {}}
    end,
}
