package settings

// These are exported for tests.
var (
	Nearest          = nearest
	ReadConfig       = readConfig
	UnknownVariables = unknownVariables
)
