package posixre

import (
	"strings"
	"testing"
)

func BenchmarkCompile(b *testing.B) {
	for _, expr := range []string{"^lib", `\<go\>`, `\w+`, "[[:digit:]]{3}"} {
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(expr); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFind searches a package description that no expression matches.
func BenchmarkFind(b *testing.B) {
	text := []byte("a collection of common tools and libraries to read and write archives of many kinds")
	for _, expr := range []string{"^lib", `\<go\>`, `c\+\+`, "[[:digit:]]{3}", "(a*)*(a|aa)*z", ".{0,1000}z", strings.Repeat("a?", 5000) + "z"} {
		name := expr[:min(len(expr), 14)]
		e, err := Compile(expr)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if e.FindIndex(text) != nil {
					b.Fatal("found")
				}
			}
		})
	}
}
