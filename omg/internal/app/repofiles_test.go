package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// lists returns the basis of a result that depends on the lists of files, one for each state.
func lists(states ...wire.SourceState) wire.Basis {
	b := wire.Basis{Generation: 3}
	for i, state := range states {
		s := wire.Source{Name: []string{"core", "extra"}[i], Kind: wire.KindFiles, State: state}
		if s.Unavailable() {
			s.Why, b.Partial = "no list", true
		}
		b.Sources = append(b.Sources, s)
	}
	return b
}

var ripgrep = wire.RepositoryPackage{Repo: "extra", Name: "ripgrep", Version: "14-1", InstalledVersion: "13-1"}

// TestOwns_Repos checks the output for the packages of the repositories, which has the form of pacman -F.
func TestOwns_Repos(t *testing.T) {
	grouped := wire.RepositoryPackage{Repo: "core", Name: "grep", Version: "3-1", Groups: []string{"base", "text"}}
	f := fake{owners: &wire.FilesOwnerResult{Basis: lists("ok", "ok"), Owners: []wire.FileOwner{
		{Query: "rg", RepositoryPackage: grouped, Paths: []string{"usr/bin/rg"}},
		{Query: "rg", RepositoryPackage: ripgrep, Paths: []string{"usr/bin/rg"}},
		{Query: "rg", RepositoryPackage: ripgrep, Paths: []string{"usr/share/rg"}}, // in another chunk
	}}}
	code, out, stderr, after := f.runBackend(t, "owns", "--repos", "rg")
	require.Equal(t, exit.OK, code, stderr)
	require.Equal(t, "core/grep 3-1 (base text)\n    usr/bin/rg\nextra/ripgrep 14-1 [installed: 13-1]\n    usr/bin/rg\n    usr/share/rg\n", out)
	require.Equal(t, &backend.RepoOwnersRequest{FilesOwnerRequest: wire.FilesOwnerRequest{Names: []string{"rg"}}}, after.ownersRequest)
	_, out, _ = f.run(t, "owns", "--repos", "-q", "rg")
	require.Equal(t, "core/grep\nextra/ripgrep\n", out)
	_, out, _ = f.run(t, "owns", "--repos", "--format", "{{.repo}} {{.name}} {{.path}}", "rg")
	require.Equal(t, "core grep usr/bin/rg\nextra ripgrep usr/bin/rg\nextra ripgrep usr/share/rg\n", out)
	_, out, _ = f.run(t, "owns", "--repos", "--json", "rg")
	require.Contains(t, out, `"owners":[{"query":"rg","repo":"core","name":"grep","version":"3-1","groups":["base","text"],"paths":["usr/bin/rg"]},`)
	require.Contains(t, out, `"installed":"13-1","paths":["usr/bin/rg","usr/share/rg"]}]`)

	f.owners = &wire.FilesOwnerResult{Basis: lists("ok", "ok"), Owners: []wire.FileOwner{{Query: "/usr/bin/rg", RepositoryPackage: ripgrep, Paths: []string{"usr/bin/rg"}}}}
	_, out, _ = f.run(t, "owns", "--repos", "/usr/bin/rg")
	require.Equal(t, "usr/bin/rg is owned by extra/ripgrep 14-1\n", out)
	_, _, _, after = f.runBackend(t, "owns", "--repos", "-x", "^rg$")
	require.True(t, after.ownersRequest.Regex)

	code, _, stderr = fake{}.run(t, "owns", "--repos")
	require.Equal(t, exit.Usage, code)
	require.Contains(t, stderr, "omg: error: owns --repos needs a path or the name of a file, e.g. omg owns --repos vim\n")
}

// TestRepoFiles_Unknown checks what the commands about files of repositories say if something is not found or not known.
func TestRepoFiles_Unknown(t *testing.T) {
	const remedy = "omg: error: the files of the repositories are unknown\nomg: hint: sudo pacman -Fy downloads the lists, or omgd with sync.files = true\n"
	for _, c := range []struct {
		basis  wire.Basis
		code   int
		stderr string
	}{
		{lists("ok", "stale"), exit.NotFound, "omg: error: no package in the repositories has \"rg\"\n"},
		{lists("ok", "missing"), exit.Failed, "omg: note: partial: list of files of extra missing: no list\nomg: error: no package in the repositories has \"rg\" in the lists that could be read\n"},
		{lists("missing", "missing"), exit.Failed, remedy},
		{lists(), exit.Failed, remedy},
		{lists("missing", "failed"), exit.Failed, "omg: error: the files of the repositories are unknown\nomg: hint: extra: no list\n"},
	} {
		f := fake{owners: &wire.FilesOwnerResult{Basis: c.basis, Missing: []string{"rg"}}}
		code, out, stderr := f.run(t, "owns", "--repos", "rg")
		require.Equal(t, []any{c.code, "", c.stderr}, []any{code, out, stderr})
		f = fake{cmds: &wire.CommandResult{Basis: c.basis, Missing: []wire.MissingCommand{{Name: "rg"}}}}
		code, _, _ = f.run(t, "command", "rg")
		require.Equal(t, c.code, code)
		f = fake{lists: &wire.FilesListResult{Basis: c.basis, Missing: []string{"rg"}}}
		code, _, stderr = f.run(t, "files", "--repos", "rg")
		wanted := strings.Replace(c.stderr, "no package in the repositories has \"rg\"", "package \"rg\" was not found", 1)
		require.Equal(t, []any{c.code, wanted}, []any{code, stderr})
		if c.stderr != remedy && !strings.Contains(c.stderr, "hint") { // there are lists
			f.files = &backend.FilesResult{Missing: []string{"rg"}}
			code, _, stderr = f.run(t, "files", "rg")
			require.Equal(t, []any{c.code, wanted}, []any{code, stderr})
		}
	}
	f := fake{owners: &wire.FilesOwnerResult{Basis: lists("ok"), Missing: []string{"a", "b"}}}
	_, out, _ := f.run(t, "owns", "--repos", "--json", "a", "b")
	require.Contains(t, out, `"owners":[]`)
	code, _, stderr := f.run(t, "owns", "--repos", "a", "b")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: no package in the repositories has \"a\"\nomg: error: no package in the repositories has \"b\"\n", stderr)
}

// TestCommand checks the output of omg command.
func TestCommand(t *testing.T) {
	f := fake{cmds: &wire.CommandResult{Basis: lists("ok", "ok"), Commands: []wire.CommandOwner{
		{Command: "rg", RepositoryPackage: ripgrep, Path: "usr/bin/rg"},
		{Command: "rg", RepositoryPackage: ripgrep, Path: "usr/local/bin/rg"},
	}}}
	code, out, stderr := f.run(t, "command", "rg")
	require.Equal(t, exit.OK, code, stderr)
	require.Equal(t, "extra/ripgrep 14-1 [installed: 13-1]\n    usr/bin/rg\n    usr/local/bin/rg\n", out)
	f.cmds.Commands = f.cmds.Commands[:1]
	_, out, _ = f.run(t, "command", "-q", "rg")
	require.Equal(t, "ripgrep\n", out)

	f.cmds = &wire.CommandResult{Basis: lists("ok"), Missing: []wire.MissingCommand{
		{Name: "rgg", Similar: []wire.CommandOwner{{Command: "rg", RepositoryPackage: ripgrep, Path: "usr/bin/rg"}, {Command: "rg", RepositoryPackage: ripgrep, Path: "usr/local/bin/rg"}}},
	}}
	code, _, stderr, after := f.runBackend(t, "command", "--exact", "rgg")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: no package in the repositories brings the command \"rgg\"\nomg: hint: did you mean: rg (ripgrep)\n", stderr)
	require.Equal(t, &wire.CommandRequest{Names: []string{"rgg"}, Exact: true}, after.cmdsRequest)

	code, _, stderr = fake{}.run(t, "command", "/usr/bin/rg")
	require.Equal(t, exit.Usage, code)
	require.Contains(t, stderr, "omg owns --repos searches paths")
}

// TestFiles_Repos checks the files of packages that are not installed.
func TestFiles_Repos(t *testing.T) {
	absent := wire.RepositoryPackage{Repo: "extra", Name: "fd", Version: "9-1"}
	f := fake{
		files: &backend.FilesResult{Packages: []backend.FileList{{Name: "a", Files: []string{"/a"}}}, Missing: []string{"fd"}},
		lists: &wire.FilesListResult{Basis: lists("ok"), Packages: []wire.RepositoryFiles{
			{RepositoryPackage: absent, Paths: []string{"usr/", "usr/bin/"}}, {RepositoryPackage: absent, Paths: []string{"usr/bin/fd"}},
		}},
	}
	code, out, stderr, after := f.runBackend(t, "files", "a", "fd")
	require.Equal(t, exit.OK, code, stderr)
	require.Equal(t, "a /a\nfd usr/\nfd usr/bin/\nfd usr/bin/fd\n", out)
	require.Equal(t, "omg: note: these are the files of extra/fd 9-1 (not installed)\n", stderr)
	require.Equal(t, &wire.FilesListRequest{Names: []string{"fd"}}, after.listsRequest)
	_, out, _ = f.run(t, "files", "--json", "a", "fd")
	require.Contains(t, out, `{"name":"fd","repo":"extra","version":"9-1","files":["usr/","usr/bin/","usr/bin/fd"]}`)

	f = fake{lists: &wire.FilesListResult{Basis: lists("ok"), Packages: []wire.RepositoryFiles{{RepositoryPackage: ripgrep, Paths: []string{"usr/bin/rg"}}}}}
	code, out, stderr = f.run(t, "files", "--repos", "-q", "ripgrep")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "usr/bin/rg\n", out)
	require.Equal(t, "omg: note: these are the files of extra/ripgrep 14-1 (installed: 13-1)\n", stderr)

	f = fake{files: &backend.FilesResult{Missing: []string{"none"}}, lists: &wire.FilesListResult{Basis: lists("missing"), Missing: []string{"none"}}}
	code, _, stderr = f.run(t, "files", "none")
	require.Equal(t, exit.NotFound, code, "the question is about installed packages if there is no list at all")
	require.Contains(t, stderr, "package \"none\" is not installed")
	require.Contains(t, stderr, "sudo pacman -Fy")
}

// TestOwns_Unowned checks that a file that no installed package owns is looked up in the repositories.
func TestOwns_Unowned(t *testing.T) {
	f := fake{
		owns:   &backend.Owners{Paths: []backend.OwnedPath{{Path: "/home/a/rg"}}},
		owners: &wire.FilesOwnerResult{Basis: lists("ok"), Owners: []wire.FileOwner{{Query: "rg", RepositoryPackage: ripgrep, Paths: []string{"usr/bin/rg"}}}},
	}
	code, _, stderr, after := f.runBackend(t, "owns", "rg")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: no installed package owns /home/a/rg, but extra/ripgrep has a file named rg\n", stderr)
	require.Equal(t, &backend.RepoOwnersRequest{FilesOwnerRequest: wire.FilesOwnerRequest{Names: []string{"rg"}}, IndexedOnly: true}, after.ownersRequest)
	f.owns.Paths[0] = backend.OwnedPath{Path: "/usr/bin/rg", Exists: true}
	_, _, stderr, after = f.runBackend(t, "owns", "/usr/bin/rg")
	require.Equal(t, "omg: error: no installed package owns /usr/bin/rg, but extra/ripgrep has it\n", stderr)
	require.Equal(t, []string{"/usr/bin/rg"}, after.ownersRequest.Names)
	f.owners, f.errs = nil, map[string]error{"repo owners": &wire.Error{Code: wire.CodeNotReady, Message: "no data"}}
	_, _, stderr = f.run(t, "owns", "/usr/bin/rg")
	require.Equal(t, "omg: error: no package owns /usr/bin/rg\n", stderr)
}
