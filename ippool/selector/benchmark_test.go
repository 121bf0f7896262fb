package selector

import (
	"strings"
	"testing"
)

// everyOperator has every operator, and only its last term matches.
const everyOperator = `zone == "a" || zone != "b" && has(gpu) || zone in {"c", "d", "e", "f"} || ` +
	`!(rack starts with "r" || rack contains "x") || host ends with ".net" || rack not in {"r7", "r8"} || !!all()`

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{
		"all":           "all()",
		"one":           "kubernetes.io/os == 'linux'",
		"everyOperator": everyOperator,
		"mebibyte":      strings.Repeat("a=='b'||", 1<<17) + "a=='b'",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatches(b *testing.B) {
	labels := map[string]string{"zone": "b", "rack": "r7", "host": "node-1.example.org"}
	for name, text := range map[string]string{
		"all":           "all()",
		"one":           "kubernetes.io/os == 'linux'",
		"everyOperator": everyOperator,
	} {
		b.Run(name, func(b *testing.B) {
			s := mustParse(b, text)
			b.ReportAllocs()
			for b.Loop() {
				s.Matches(labels)
			}
		})
	}
}
