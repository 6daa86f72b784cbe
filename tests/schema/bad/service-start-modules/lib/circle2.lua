local a = require("circle1")
return {a}
