package plan

// FamilyOf is familyOf for the tests outside of this package.
var FamilyOf = familyOf
