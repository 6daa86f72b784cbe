local game = require("game")
return {game = game}
