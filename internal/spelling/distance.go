// Package spelling measures how similar words are, to suggest corrections.
package spelling

// Distance returns the Levenshtein distance: the number of bytes to insert, delete or replace to
// turn one word into the other. If that is more than limit, it returns another number above limit.
func Distance(a, b string, limit int) int {
	if apart := max(len(a)-len(b), len(b)-len(a)); apart > limit {
		return apart // the distance is at least that
	}
	// Distances from the bytes of a so far to each prefix of b. Names are short: they are
	// on the stack.
	var short [64]int
	row := short[:]
	if len(b) >= len(short) {
		row = make([]int, len(b)+1)
	}
	row = row[:len(b)+1]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, diagonal+1)
			least = min(least, row[j+1])
		}
		if least > limit {
			return least // no row has a smaller one than the row before
		}
	}
	return row[len(b)]
}

// Swapped reports whether the words differ only in the order of two adjacent bytes, which is
// one mistake when typing, although their distance is 2.
func Swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i+1 < len(a) && a[i] != b[i] && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
