-- What an offer has to be.
local rules = {}

function rules.fits(amount, seats)
  return amount < seats * 100
end

return rules
