package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/wire"
)

func groupsBackend() fake {
	return fake{
		search: &wire.SearchResult{Packages: []wire.Package{
			{Repo: "extra", Name: "b", Version: "1", Groups: []string{"gnome", "GNOME", "gnome"}, InstalledVersion: "0"},
			{Repo: "extra", Name: "A", Version: "1", Groups: []string{"kde\x1b[31m"}},
			{Repo: "core", Name: "c", Version: "1", Groups: []string{"gnome"}},
		}},
		installed: &wire.InstalledResult{Packages: []wire.InstalledPackage{
			{Package: wire.Package{Repo: "local", Name: "b", Version: "0", Groups: []string{"gnome", "old"}}}, {Package: wire.Package{Name: "x"}},
		}},
	}
}

func TestGroups(t *testing.T) {
	f := groupsBackend()
	for line, want := range map[string]string{
		"": "kde\ufffd[31m\ngnome\nGNOME\n", "gnome": "gnome b\ngnome c\n", "GNOME gnome": "GNOME b\ngnome b\ngnome c\n", "-q gnome": "b\nc\n",
		"-i": "gnome b\nold b\n", "-i old": "old b\n", "-q -i": "gnome\nold\n", "-i -q gnome": "b\n",
	} {
		code, out, stderr := f.run(t, append([]string{"groups"}, strings.Fields(line)...)...)
		require.Equal(t, exit.OK, code, stderr)
		require.Equal(t, want, out, line)
	}
	_, out, _, after := f.runBackend(t, "groups", "gnome", "--format", "{{.group}} {{.repo}}/{{.name}} {{.version}} {{.installed}}.")
	require.Equal(t, "gnome extra/b 1 0.\ngnome core/c 1 .\n", out)
	require.Equal(t, []string{"group:=gnome"}, after.searched.Words)
	_, out, stderr := f.run(t, "groups", "--format", "{{.group}} {{.name}}")
	require.Equal(t, "gnome b\ngnome c\nGNOME b\n", out, "no group whose name a shell could misread")
	require.Contains(t, stderr, "left out 1 group whose name could")
	_, out, _ = f.run(t, "groups", "GNOME", "--json")
	require.Equal(t, `{"schema":1,"generation":0,"at":0,"groups":[{"name":"GNOME","packages":[{"repo":"extra","name":"b","version":"1","installed":"0"}]}]}`+"\n", out)

	code, out, stderr := f.run(t, "groups", "gnome", "Gnome", "Gnome")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "gnome b\ngnome c\n", out)
	require.Equal(t, "omg: error: no group \"Gnome\"\nomg: hint: omg search group:gnome finds groups that contain the word\n", stderr)
	f.search.Partial = true
	code, _, _ = f.run(t, "groups", "Gnome")
	require.Equal(t, exit.Failed, code, "a missing repository could have the group")
	code, _, _ = fake{search: &wire.SearchResult{}}.run(t, "groups")
	require.Equal(t, exit.NotFound, code)
	code, _, _ = f.run(t, "groups", "")
	require.Equal(t, exit.Usage, code)
}

func TestList(t *testing.T) {
	f := groupsBackend()
	code, out, _, after := f.runBackend(t, "list")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "extra A 1\nextra b 1 [installed: 0]\ncore c 1\n", out)
	require.Equal(t, wire.SearchRequest{Sort: wire.SortRepo, NoAUR: true, AllRepos: true, Offline: true, Repos: []string{}}, *after.searched)
	_, out, _, after = f.runBackend(t, "list", "core", "extra", "-q")
	require.Equal(t, "c\nA\nb\n", out)
	require.Equal(t, []string{"core", "extra"}, after.searched.Repos)
	_, out, _ = f.run(t, "list", "--json")
	require.Contains(t, out, `"packages":[{"repo":"extra","name":"A",`)

	require.Equal(t, runtimes.Names(), runtimeNames, "omg must not import the package runtimes")
	f.errs = map[string]error{"search": wire.Errorf(wire.CodeInvalid, `no repository "node" (have: core)`)}
	code, _, stderr := f.run(t, "list", "node")
	require.Equal(t, exit.Usage, code)
	require.Equal(t, "omg: error: no repository \"node\" (have: core)\nomg: hint: omg runtime list shows the installed versions of node, python, go and others\n", stderr)
	code, _, _ = f.run(t, "list", "")
	require.Equal(t, exit.Usage, code)
}

// TestRuntime checks that omg which and omg use are short forms.
func TestRuntime(t *testing.T) {
	f := fake{which: &backend.ActiveVersions{Runtimes: []wire.Runtime{{Runtime: "node", Version: "20.1.0"}}}}
	for _, args := range [][]string{{"which", "-q"}, {"runtime", "which", "-q"}} {
		code, out, _ := f.run(t, args...)
		require.Equal(t, exit.OK, code)
		require.Equal(t, "20.1.0\n", out)
	}
	_, _, stderr := f.run(t, "runtime", "lits")
	require.Equal(t, "omg: error: unknown command \"runtime lits\" (have: list, which, use)\nomg: hint: did you mean: list\n", stderr)
	code, _, stderr := f.run(t, "runtime", "install", "node")
	require.Equal(t, exit.Usage, code)
	require.Equal(t, "omg: error: unknown command \"runtime install\" (have: list, which, use)\nomg: hint: see omg runtime --help\n", stderr)
}
