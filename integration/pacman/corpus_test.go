package pacman

import (
	"testing"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// TestCorpus compares answers about the real databases. All parts share a daemon, an index and pacman's results,
// because pacman takes long to read the databases.
func TestCorpus(t *testing.T) {
	need.Program(t, "pacman")
	s := harness.New(t, harness.WithCorpus())
	w := &comparison{System: s, oracle: plainDatabases(t, s)}
	w.start()
	for name, test := range map[string]func(*testing.T, *comparison){
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
			test(t, w.forSubtest(t))
		})
	}
}
