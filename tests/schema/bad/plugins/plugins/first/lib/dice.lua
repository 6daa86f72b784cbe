local dice = {}
function dice.roll() return plugin.maxi + other end
return dice
