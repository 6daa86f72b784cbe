local chess = {}
function chess.getState(roomId) return {roomId = roomId, turn = "white"} end
function chess.processMove(roomId, session, message)
    return {accept = message.content.from ~= message.content.to, rejectReason = "nothing moved"}
end
return chess
