package selector

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// The labels include the words of the language, which are not reserved.
var (
	someLabels = []string{"a", "B", "in", "not", "notin", "all", "has", "global", "contains", "starts", "with", "k8s.io/x_1-", strings.Repeat("l", maxLabel)}
	someValues = []string{"", "x", "y", " ", `"`, "'", "xy", "é", "\xff", "&& ||", "{,}", "\\"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func grow(r *rand.Rand, height int) node {
	if height > 0 && r.IntN(3) > 0 {
		if r.IntN(4) == 0 {
			return negate(grow(r, height-1))
		}
		operands := make([]node, 2+r.IntN(3))
		for i := range operands {
			operands[i] = grow(r, height-1)
		}
		return group(pick(r, []connective{and, or}), operands...)
	}
	label := pick(r, someLabels)
	switch r.IntN(8) {
	case 0:
		return allNode{}
	case 1:
		return has(label)
	case 2, 3, 4:
		var values []string
		for range r.IntN(4) {
			values = append(values, pick(r, someValues))
		}
		return newSet(label, pick(r, []operator{opIn, opNotIn}), values)
	}
	op := pick(r, []operator{opEqual, opNotEqual, opContains, opStartsWith, opEndsWith})
	return &valueNode{label: label, op: op, value: pick(r, someValues)}
}

// writer writes trees in a random layout.
type writer struct {
	strings.Builder
	rand *rand.Rand
}

func (w *writer) space() {
	w.WriteString(pick(w.rand, []string{"", "", " ", "\t", " \t "}))
}

func (w *writer) token(text string) {
	w.space()
	w.WriteString(text)
	w.space()
}

// operand writes n as an operand of the connective, or "" if there is none, with
// the required parentheses and some redundant ones.
func (w *writer) operand(n node, of connective) {
	group, ok := n.(*groupNode)
	needed := ok && of != "" && !(of == or && group.op == and)
	redundant := w.rand.IntN(3) / 2
	if needed {
		redundant++
	}
	for range redundant {
		w.token("(")
	}
	w.node(n)
	for range redundant {
		w.token(")")
	}
}

func (w *writer) node(n node) {
	if _, ok := n.(*groupNode); !ok {
		for range w.rand.IntN(6) / 4 * 2 {
			w.token("!")
		}
	}
	switch n := n.(type) {
	case allNode:
		w.WriteString("all(")
		w.space()
		w.WriteString(")")
	case *hasNode:
		w.WriteString("has(")
		w.token(n.label)
		w.WriteString(")")
	case *valueNode:
		w.test(n.label, n.op)
		w.quoted(n.value)
	case *setNode:
		w.test(n.label, n.op)
		w.set(n.values)
	case *notNode:
		w.token("!")
		w.operand(n.operand, and+or) // equal to neither, so that any group needs parentheses
	case *groupNode:
		for i, operand := range n.operands {
			if i > 0 {
				w.token(string(n.op))
			}
			w.operand(operand, n.op)
		}
	}
}

func (w *writer) test(label string, op operator) {
	w.WriteString(label)
	if op == opEqual || op == opNotEqual || len(label) == maxLabel {
		w.space()
	} else {
		w.WriteString(" ")
	}
	for i, word := range strings.Fields(string(op)) {
		if i > 0 {
			w.space()
		}
		w.WriteString(word)
	}
	w.space()
}

func (w *writer) set(values []string) {
	all := slices.Clone(values)
	if len(values) > 0 {
		all = append(all, pick(w.rand, values))
	}
	w.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	w.token("{")
	for i, value := range all {
		if i > 0 {
			w.token(",")
		}
		w.quoted(value)
	}
	if len(all) > 0 && w.rand.IntN(2) == 0 {
		w.token(",")
	}
	w.token("}")
}

func (w *writer) quoted(value string) {
	quote := "'"
	if strings.Contains(value, "'") || !strings.Contains(value, `"`) && w.rand.IntN(2) == 0 {
		quote = `"`
	}
	w.WriteString(quote + value + quote)
}
