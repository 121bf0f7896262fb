package settings

// What the tests outside of this package need of its inside.
var (
	Nearest          = nearest
	ReadConfig       = readConfig
	UnknownVariables = unknownVariables
)
