package plan

// FamilyOf exports familyOf for tests.
var FamilyOf = familyOf
