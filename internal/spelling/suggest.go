package spelling

import "strings"

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
		if d := Distance(plain, Simplified(candidate)); d < least && 2*d < len(candidate) {
			best, least = candidate, d
		}
	}
	return best
}

// Simplified removes differences in style: nat-outgoing, NAT_outgoing and natOutgoing are
// the same.
func Simplified(word string) string { return strings.ToLower(withoutMarks.Replace(word)) }

var withoutMarks = strings.NewReplacer("-", "", "_", "", " ", "")
