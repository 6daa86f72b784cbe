local a = require("circle2")
return {a}
