local rules = {}
function rules.owns(record) return record.level > 2 end
return rules
