local game = {}

function game.move() end
