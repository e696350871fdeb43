package direct

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/wire"
)

// TestAURCheck_Scriptlets checks that the scriptlets of installed foreign packages are examined, with and without data of the AUR.
func TestAURCheck_Scriptlets(t *testing.T) {
	w := newTestSystem(t)
	w.useLists()
	w.buildOwn()
	w.installBuilt("bad", 12)
	w.write("db/local/bad-3-1/install", "post_install() {\n\tnpm install -g x\n\techo x > /usr/bin/bad\n\techo x > /usr/bin/other\n}\n")
	w.write("db/local/bad-3-1/files", "%FILES%\nusr/\nusr/bin/\nusr/bin/bad\n\n")
	w.installBuilt("quiet", 12)
	w.write("db/local/quiet-3-1/install", "post_install() {\n\techo npm install\n}\n")
	w.installBuilt("pipe", 12)
	require.NoError(t, os.Mkdir(w.path("db/local/pipe-3-1/install"), 0o755))
	packages, err := w.backend().Installed(t.Context(), &wire.InstalledRequest{})
	require.NoError(t, err)
	native := packages.Packages[0]
	for _, p := range packages.Packages {
		if p.Name != "bad" && p.Name != "quiet" && p.Name != "pipe" {
			native = p
		}
	}
	foreign, err := w.backend().Installed(t.Context(), &wire.InstalledRequest{Filter: wire.FilterForeign})
	require.NoError(t, err)
	for _, p := range foreign.Packages {
		require.NotEqual(t, native.Name, p.Name, "the last package is one of a repository")
	}
	w.write("db/local/"+native.Name+"-"+native.Version+"/install", "post_install() {\n\tcurl x\n}\n")

	found, result := w.checked()
	require.Equal(t, map[string][]string{
		"bad": {"scriptlet-package-manager", "scriptlet-writes-outside"}, "pipe": {"scriptlet-unreadable"},
	}, found)
	require.Contains(t, result.Unavailable, "no journal of the AUR in ")
	bad := result.Packages[0]
	require.Equal(t, "look", bad.Level)
	require.Equal(t, []backend.ScriptletFact{{Line: 2, Function: "post_install", Subject: "npm install", Text: "npm install -g x"}}, bad.Findings[0].Scriptlet)
	require.Equal(t, []backend.ScriptletFact{{Line: 4, Function: "post_install", Subject: "/usr/bin/other", Text: "echo x > /usr/bin/other"}}, bad.Findings[1].Scriptlet)
	built := time.Date(2026, 6, 12, 12, 0, 0, 0, time.UTC)
	require.Equal(t, &backend.InstallEvidence{Built: &built, InstalledAt: new(built.Add(time.Minute)), Validation: []string{}}, bad.Evidence)
	require.Equal(t, "not a regular file", result.Packages[1].Findings[0].Scriptlet[0].Subject)

	now := time.Now().Unix()
	writeJournal(t, w.path("share/omg"), now)
	w.writeAUR(now, &wire.Package{Name: "bad", Version: "3-1", AUR: &wire.AUR{}}, &wire.Package{Name: "quiet", Version: "3-1", AUR: &wire.AUR{}})
	found, _ = w.checked()
	require.Equal(t, []string{"scriptlet-package-manager", "scriptlet-writes-outside", "orphaned"}, found["bad"])
	require.Equal(t, []string{"orphaned"}, found["quiet"])
	found, _ = w.checked("quiet", native.Name)
	require.Equal(t, []string{"orphaned"}, found["quiet"])
	require.NotContains(t, found, "bad")
	require.NotContains(t, found, native.Name, "it is a package of a repository")
}
