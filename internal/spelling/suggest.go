package spelling

import (
	"strings"
	"unicode"
)

// Suggest returns the known word that was probably meant, empty if none is similar. Others
// maps other names, as Simplified returns them, to the known word or words that are meant;
// it may be nil.
func Suggest(word string, known []string, others map[string]string) string {
	plain := Simplified(word)
	for _, candidate := range known {
		if Simplified(candidate) == plain {
			return candidate
		}
	}
	if other, ok := others[plain]; ok {
		for _, candidate := range known {
			if strings.Contains(other, candidate) {
				return other
			}
		}
	}
	// A misspelt word is not much longer than the longest known one.
	best, least := "", 3
	for _, candidate := range known {
		if len(plain) > 40 {
			break
		}
		if d := Distance(plain, Simplified(candidate), least); d < least && 2*d < len(candidate) {
			best, least = candidate, d
		}
	}
	return best
}

// Simplified removes differences in style: nat-outgoing, NAT_outgoing and natOutgoing are
// the same, and so is a name with a space that is not visible.
func Simplified(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, word)
}
