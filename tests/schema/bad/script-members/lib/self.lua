local Game = {size = 8}
function Game:start()
    self.started = true
end
return Game
