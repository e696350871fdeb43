package compare

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// nobody is the user who runs the commands if root runs the test: yay refuses root, and the comparison is about users.
const nobody = 65534

// comparedSystem is a generated system, with a stand-in for the AUR, in which all programs answer.
type comparedSystem struct {
	system *harness.System
	// paths has the paths of those compared programs that are installed, by their names.
	paths map[string]string
}

// newComparedSystem starts omgd on generated databases, and prepares the other programs to use these databases.
func newComparedSystem(t *testing.T, table *Table) *comparedSystem {
	t.Helper()
	text, maintainer := "A browser that only the AUR has", "somebody"
	aur := &fakeserver.AUR{}
	aur.Replace(t, []fakeserver.Package{{Record: fakeserver.Record{
		ID: 1, Name: "aur-browser", PackageBaseID: 1, PackageBase: "aur-browser", Version: "1.0-1", Description: &text, Maintainer: &maintainer,
		FirstSubmitted: 1_500_000_000, LastModified: 1_700_000_000,
	}}})
	server := fakeserver.Serve(t, aur, nil)
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 2000, Installed: 100, Seed: 1}), harness.WithEnv("OMG_AUR_ENABLED=true",
		"OMG_AUR_URL="+server.URL, "OMG_NETWORK_PROXY=none", "MISE_OFFLINE=1", "NO_COLOR=1", "TERM=dumb"))
	w := &comparedSystem{system: s, paths: map[string]string{}}
	if os.Getuid() == 0 {
		w.system = s.AsUser(nobody)
	}
	require.NoError(t, os.Mkdir(s.Path("wrappers"), 0o755))
	flags := map[string]string{
		"pacman": "--config " + s.PacmanConf + " -b " + s.DB + " --color never",
		"yay":    "--config " + s.PacmanConf + " --dbpath " + s.DB + " --aururl " + server.URL,
	}
	for _, p := range table.Programs {
		path := w.system.Program(p.Name)
		if p.Name != "omg" {
			path, _ = exec.LookPath(p.Name)
		}
		if path == "" {
			continue
		}
		w.paths[p.Name] = path
		if flags[p.Name] != "" {
			harness.WriteProgram(t, s.Path("wrappers", p.Name), fmt.Sprintf("#!/bin/sh\nexec %s %s \"$@\"\n", path, flags[p.Name]))
		}
	}
	w.system = w.system.WithEnv("PATH="+s.Path("wrappers")+":"+w.system.Bin+":"+os.Getenv("PATH"), "DB="+s.DB)
	omgd := w.system.StartDaemon()
	// Until omgd has the data of the AUR, it asks the AUR for each search, and may not get the reply in time.
	omgd.AwaitStatus(func(r *wire.StatusResult) bool {
		return slices.ContainsFunc(r.Sources, func(s wire.Source) bool { return s.Kind == wire.KindAUR && s.State == wire.SourceOK })
	}, "the data of the AUR")
	require.Contains(t, omgd.Omg("search", "aur-browser").Stdout, "aur/")
	return w
}

// run runs a command of a shell, and returns all of its output.
func (w *comparedSystem) run(command string) string {
	w.system.T.Helper()
	r := harness.Run(w.system.T, w.system.Command("/bin/bash", "-c", command))
	return strings.TrimSpace(r.Stdout + r.Stderr)
}

// isInstalledByPackage reports whether a package has installed a program.
func (w *comparedSystem) isInstalledByPackage(name string) bool {
	return filepath.Dir(w.paths[name]) == "/usr/bin"
}
