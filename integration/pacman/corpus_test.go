package pacman

import (
	"testing"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// TestCorpus compares the answers about the real databases, which all parts share
// with a daemon and an index: pacman takes long to read them.
func TestCorpus(t *testing.T) {
	need.Program(t, "pacman")
	s := harness.New(t, harness.Corpus())
	w := &world{System: s, oracle: plain(t, s)}
	w.start()
	for name, test := range map[string]func(*testing.T, *world){
		"search":                    testSearch,
		"search marks":              testSearchMarks,
		"info":                      testInfo,
		"info of installed":         testInstalledInfo,
		"info of foreign":           testForeignInfo,
		"lists":                     testLists,
		"installed that have words": testInstalledWords,
		"owns":                      testOwns,
		"files":                     testFiles,
		"why":                       testWhy,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w.in(t))
		})
	}
}
