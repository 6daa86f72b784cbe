local broken = {}
function broken.f( return 1 end
return broken
