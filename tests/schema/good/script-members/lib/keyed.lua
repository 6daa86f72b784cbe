local k = "x" return {[k] = 1}
