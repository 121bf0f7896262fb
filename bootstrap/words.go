package bootstrap

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// How the texts of settings are read. Each reader returns the default for an
// unset setting and, noting a fault, for a wrong one, so that judging goes on
// and finds the rest.

var (
	trueWords  = []string{"true", "1", "t", "yes", "y", "on", "enabled"}
	falseWords = []string{"false", "0", "f", "no", "n", "off", "disabled"}
	// nodeFalseWords are those that calico-node takes for false; it takes
	// every other text for true.
	nodeFalseWords = []string{"false", "0", "no", "n", "f"}
)

// Bool reads the setting as a boolean: deflt if it is unset, and, noting a
// fault, if it is no boolean.
func (s Setting) Bool(deflt bool, faults *Faults) bool {
	word := strings.ToLower(s.Value)
	switch {
	case !s.IsSet():
		return deflt
	case slices.Contains(trueWords, word):
		return true
	case slices.Contains(falseWords, word):
		return false
	}
	faults.Add(s, "not a boolean; want one of %s", acceptedBool)
	return deflt
}

// differsInNode reports whether calico-node would take our false for true.
func differsInNode(setting Setting) bool {
	word := strings.ToLower(setting.Value)
	return strings.HasPrefix(string(setting.Source), "env ") &&
		slices.Contains(falseWords, word) && !slices.Contains(nodeFalseWords, word)
}

// readBlockSize judges the range too, because in a pool a block size of zero is
// none at all. For a wrong size it returns the smallest block, so that no CIDR
// is blamed for being smaller than a block that nobody asked for.
func readBlockSize(setting Setting, family ippool.Family, faults *Faults) int {
	if !setting.IsSet() {
		return family.DefaultBlockSize()
	}
	smallest, largest := family.BlockSizes()
	isNoDigit := func(r rune) bool { return r < '0' || r > '9' }
	if strings.ContainsFunc(setting.Value, isNoDigit) {
		faults.Add(setting, "not a decimal number; want a prefix length from %d to %d", smallest, largest)
		return largest
	}
	size, err := strconv.Atoi(setting.Value)
	if err != nil || size < smallest || size > largest {
		faults.Add(setting, "must be from %d to %d for %s", smallest, largest, family)
		return largest
	}
	return size
}

func readMode[M ippool.Mode](setting Setting, faults *Faults) M {
	if !setting.IsSet() {
		return ippool.OrNever[M]("")
	}
	mode, err := ippool.ParseEnum[M](setting.Value)
	if err != nil {
		faults.Add(setting, "unknown mode; want one of %s", acceptedMode)
		return ippool.OrNever[M]("")
	}
	return mode
}

const defaultTimeout = 60 * time.Second

func readTimeout(setting Setting, deflt time.Duration, faults *Faults) time.Duration {
	if !setting.IsSet() {
		return deflt
	}
	timeout, err := time.ParseDuration(setting.Value)
	switch {
	case err != nil:
		hint := ""
		if _, err := strconv.ParseUint(setting.Value, 10, 32); err == nil {
			hint = fmt.Sprintf("; %ss is that many seconds", setting.Value)
		}
		faults.Add(setting, "not a duration; want %s%s", acceptedTimeout, hint)
		return deflt
	case timeout < 0:
		faults.Add(setting, "negative; want %s", acceptedTimeout)
		return deflt
	}
	return timeout
}

// readLogLevel knows logrus's names, which calico-node's users have.
func readLogLevel(setting Setting, faults *Faults) slog.Level {
	switch strings.ToLower(setting.Value) {
	case "debug":
		return slog.LevelDebug
	case "", "info":
		return slog.LevelInfo
	case "warning", "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	faults.Add(setting, "unknown level; want one of debug, info, warning, error")
	return slog.LevelInfo
}

// readWord reads one of a few words, in any case. The first is the default.
func readWord[T ~string](setting Setting, what string, words []T, faults *Faults) T {
	if !setting.IsSet() {
		return words[0]
	}
	for _, word := range words {
		if strings.EqualFold(setting.Value, string(word)) {
			return word
		}
	}
	faults.Add(setting, "unknown %s; want one of %s", what, joined(words))
	return words[0]
}

// LogFormat says how log lines are written.
type LogFormat string

// The log formats.
const (
	LogFormatText LogFormat = "text"
	LogFormatJSON LogFormat = "json"
)

var logFormatWords = []LogFormat{LogFormatText, LogFormatJSON}

// OnDrift says what is done where a pool exists and differs from what was asked
// for. The zero value is DriftReport.
type OnDrift string

// What can be done about drift.
const (
	DriftReport OnDrift = "report" // warn, and leave the pool as it is
	DriftUpdate OnDrift = "update" // change what can be changed
	DriftFail   OnDrift = "fail"   // ErrDrift, and nothing is written
)

var onDriftWords = []OnDrift{DriftReport, DriftUpdate, DriftFail}

// Preflight says what is done with what the preflight finds. The zero value is
// PreflightWarn.
type Preflight string

// What can be done with findings.
const (
	PreflightWarn   Preflight = "warn"
	PreflightStrict Preflight = "strict" // ErrFindings, and nothing is written
	PreflightOff    Preflight = "off"    // nothing is looked for
)

var preflightWords = []Preflight{PreflightWarn, PreflightStrict, PreflightOff}

// DatastoreType says where Calico keeps its pools.
type DatastoreType string

// The datastore types.
const (
	EtcdV3     DatastoreType = "etcdv3"
	Kubernetes DatastoreType = "kubernetes"
)

// readDatastoreType leaves the choice to the endpoints where it isn't set, as
// Calico's own clients do.
func readDatastoreType(settings DatastoreSettings, faults *Faults) DatastoreType {
	switch text := settings.DatastoreType; {
	case text.IsSet() && strings.EqualFold(text.Value, string(EtcdV3)):
		return EtcdV3
	case text.IsSet() && strings.EqualFold(text.Value, string(Kubernetes)):
		return Kubernetes
	case text.IsSet():
		faults.Add(text, "unknown datastore; want etcdv3 or kubernetes")
		return ""
	case settings.EtcdEndpoints.IsSet():
		return EtcdV3
	default:
		return Kubernetes
	}
}
