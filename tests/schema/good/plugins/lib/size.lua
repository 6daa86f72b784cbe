return {small = 1}
