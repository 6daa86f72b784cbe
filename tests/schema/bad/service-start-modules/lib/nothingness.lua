return {n = require("nothing").n}
