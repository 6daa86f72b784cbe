log.error("a module may talk while it is loaded, and a check must not")
return {}
