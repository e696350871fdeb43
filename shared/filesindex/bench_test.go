package filesindex

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchPackages returns packages with about 700,000 paths, most of which share the directory of the one before them.
var benchPackages = sync.OnceValue(func() []testPackage {
	d := dice{rand.New(rand.NewPCG(9, 9))}
	words := make([]string, 4000)
	for i := range words {
		b := make([]byte, 3+d.IntN(7))
		for j := range b {
			b[j] = "etaoinshrdlucmfwypvbgkqjxz"[min(d.IntN(26), d.IntN(26))]
		}
		words[i] = string(b)
	}
	word := func() string { return words[min(d.IntN(len(words)), d.IntN(len(words)))] }
	all := make([]testPackage, 6000)
	for i := range all {
		name := fmt.Sprintf("%s-%s-%d", word(), word(), i)
		p := testPackage{name: name, version: "1.0-1", files: []string{"usr/", "usr/bin/", "usr/bin/" + name, "usr/share/licenses/" + name + "/LICENSE"}}
		for n := d.IntN(230); n > 0; {
			dir := fmt.Sprintf("usr/lib/%s/%s/%s/", name, word(), word())
			p.files = append(p.files, dir)
			for run := 1 + d.IntN(12); run > 0; run-- {
				p.files = append(p.files, dir+word()+"_"+word()+".js")
				n--
			}
		}
		all[i] = p
	}
	return all
})

func benchmarkFind(b *testing.B, target string, expression bool) {
	f := build(b, benchPackages())
	q, err := NewQuery(target, expression)
	require.NoError(b, err)
	for b.Loop() {
		if err := f.Find(q, b.Context().Err, func(Match) bool { return true }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFindPath(b *testing.B) {
	p := benchPackages()[3000]
	benchmarkFind(b, p.files[len(p.files)-1], false)
}

func BenchmarkFindName(b *testing.B)        { benchmarkFind(b, benchPackages()[3000].name, false) }
func BenchmarkFindSubstring(b *testing.B)   { benchmarkFind(b, "icon", true) }
func BenchmarkFindNameExpr(b *testing.B)    { benchmarkFind(b, "^tea.*ones?_.*js$", true) }
func BenchmarkFindPathExpr(b *testing.B)    { benchmarkFind(b, "bin/.*-300[0-9]$", true) }
func BenchmarkFindWithoutText(b *testing.B) { benchmarkFind(b, "[q-z]{6}", true) }

func BenchmarkCommands(b *testing.B) {
	f := build(b, benchPackages())
	name := benchPackages()[3000].name
	for b.Loop() {
		if owners, err := f.Commands(name); err != nil || len(owners) != 1 {
			b.Fatal(owners, err)
		}
	}
}

func BenchmarkCloseCommands(b *testing.B) {
	f := build(b, benchPackages())
	for b.Loop() {
		if _, err := f.CloseCommands("tehn-roat-12", 5); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	packages := benchPackages()
	for b.Loop() {
		buildBytes(b, packages)
	}
}
