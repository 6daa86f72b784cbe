-- A folder with the name of a module of the service: its scripts find the folder.
return {one = 1}
