package settings

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Parsers of settings. For an unset setting they return the default. For an invalid one
// they add a fault and return the default too, so that validation continues and finds
// all faults.

var (
	trueWords  = []string{"true", "1", "t", "yes", "y", "on", "enabled"}
	falseWords = []string{"false", "0", "f", "no", "n", "off", "disabled"}
	// nodeFalseWords are those that calico-node reads as false. It reads every
	// other text as true.
	nodeFalseWords = []string{"false", "0", "no", "n", "f"}
)

// Bool parses the setting as a boolean. It returns fallback if the setting is unset, and
// also if it is invalid, which it adds to faults.
func (s Setting) Bool(fallback bool, faults *Faults) bool {
	word := strings.ToLower(s.Value)
	switch {
	case !s.IsSet():
		return fallback
	case slices.Contains(trueWords, word):
		return true
	case slices.Contains(falseWords, word):
		return false
	}
	faults.Add(s, "not a boolean; must be one of %s", acceptedBool)
	return fallback
}

// differsInNode reports whether calico-node reads the value as true and this package
// reads it as false.
func differsInNode(setting Setting) bool {
	word := strings.ToLower(setting.Value)
	return setting.Source.Kind() == origin.KindEnv &&
		slices.Contains(falseWords, word) && !slices.Contains(nodeFalseWords, word)
}

// readBlockSize also validates the range, because a block size of zero in a pool means
// unset. For an invalid size it returns the smallest block, so that the CIDR is not
// reported as smaller than a default block.
func readBlockSize(setting Setting, family ippool.Family, faults *Faults) int {
	if !setting.IsSet() {
		return family.DefaultBlockSize()
	}
	smallest, largest := family.BlockSizes()
	isNoDigit := func(r rune) bool { return r < '0' || r > '9' }
	if strings.ContainsFunc(setting.Value, isNoDigit) {
		faults.Add(setting, "not a decimal number; must be a prefix length from %d to %d", smallest, largest)
		return largest
	}
	size, err := strconv.Atoi(setting.Value)
	if err != nil || size < smallest || size > largest {
		faults.Add(setting, "must be between %d and %d for %s", smallest, largest, family)
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
		faults.Add(setting, "unknown mode; must be one of %s", strings.Join(modeWords, ", "))
		return ippool.OrNever[M]("")
	}
	return mode
}

const defaultTimeout = 60 * time.Second

func readTimeout(setting Setting, fallback time.Duration, faults *Faults) time.Duration {
	if !setting.IsSet() {
		return fallback
	}
	timeout, err := time.ParseDuration(setting.Value)
	_, number := strconv.ParseUint(setting.Value, 10, 32)
	switch {
	case err != nil && number == nil:
		faults.Add(setting, "a duration without a unit; did you mean %ss?", setting.Value)
		return fallback
	case err != nil:
		faults.Add(setting, "not a duration; must be %s", acceptedTimeout)
		return fallback
	case timeout < 0:
		faults.Add(setting, "negative; must be %s", acceptedTimeout)
		return fallback
	}
	return timeout
}

// readWord parses one of a few words, ignoring case. The first is the default.
func readWord[T ~string](setting Setting, what string, words []T, faults *Faults) T {
	if !setting.IsSet() {
		return words[0]
	}
	for _, word := range words {
		if strings.EqualFold(setting.Value, string(word)) {
			return word
		}
	}
	faults.Add(setting, "unknown %s; must be one of %s", what, text.Join(words))
	return words[0]
}
