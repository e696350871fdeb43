package network

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// develDocument is a part of the JSON document of omg outdated --devel.
type develDocument struct {
	Records  []struct{ By, Path, Problem string }
	Packages []struct {
		Name, Installed, Pkgbase, State, Why string
		Sources                              []struct {
			URL, Branch, State, Latest, Why, Asked string
			Recorded                               []struct{ By, Commit string }
		}
	}
	Missing []string
}

// TestDevel runs omg outdated --devel with the records of yay and paru, and with a server on which the real git serves a repository.
func TestDevel(t *testing.T) {
	need.Program(t, "git")
	archive := fakeserver.NewGitArchive(t)
	aur := &fakeserver.AUR{Archive: archive}
	certs := fakeserver.NewCertificates(t)
	server := fakeserver.Serve(t, aur, certs)
	url := server.URL + fakeserver.ArchiveURLPath
	archive.Commit(t, nil, time.Unix(1e9, 0))
	first := archive.Head(t)

	s := harness.New(t, harness.WithoutDatabases(), harness.WithEnv("SSL_CERT_FILE="+certs.CAFile, "OMG_NETWORK_TIMEOUT=2m"))
	for _, p := range [][]string{{"plain"}, {"one-git"}, {"two-git", "BASE", "two", "INSTALLDATE", "1700000000", "VALIDATION", "none"}, {"bare-svn"}, {"tool"}, {"old-git"}, {"in-core-git"}} {
		s.Install(p[0], "1.r5-1", p[1:]...)
	}
	harness.WriteFile(t, s.PacmanConf, "[options]\nArchitecture = x86_64\n[core]\nServer = file:///nowhere\n")
	harness.WriteFile(t, s.SyncDBPath("core"), harness.BuildDatabase(t, harness.NewPackageEntry("in-core-git", "2-1")))
	address := strings.TrimPrefix(url, "https://")
	yay := fmt.Sprintf(`{"one-git": {%q: {"protocols": ["https"], "branch": "HEAD", "sha": %q}},
		"tool": {%q: {"protocols": ["https"], "branch": "HEAD", "sha": %q}},
		"old-git": {"example.org/x": {"protocols": ["git"], "branch": "HEAD", "sha": %q}},
		"in-core-git": {%q: {"protocols": ["https"], "branch": "HEAD", "sha": %q}},
		"gone-git": {%q: {"protocols": ["https"], "branch": "HEAD", "sha": %q}}}`,
		address, first, address, strings.Repeat("0", 40), first, address, first, address, first)
	harness.WriteFile(t, s.Path(".cache/yay/vcs.json"), yay)
	harness.WriteFile(t, s.Path(".local/state/paru/devel.toml"),
		fmt.Sprintf("[[two]]\nurl = %q\nbranch = \"gone\"\ncommit = %q\n[[one-git]]\nurl = %q\ncommit = %q\n", url, first, url, strings.Repeat("1", 40)))

	s.BuildIndexes()
	for name, omg := range map[string]func(...string) harness.Result{"directly": s.RunWithoutDaemon, "daemon": s.StartDaemon().Omg} {
		r := omg("outdated", "--devel")
		require.Zero(t, r.Code, name)
		require.NotContains(t, r.Stderr, "partial")
		require.Equal(t, strings.ReplaceAll(strings.ReplaceAll(`bare-svn 1.r5-1 [unknown: neither yay nor paru has recorded a source]
old-git 1.r5-1
    git://example.org/x HEAD FIRST (yay)
one-git 1.r5-1
    URL HEAD 111111111111 (paru) FIRST (yay)
tool 1.r5-1
    URL HEAD 000000000000 (yay)
two-git 1.r5-1
    URL gone FIRST (paru)
`, "FIRST", first[:12]), "URL", url), r.Stdout)
		require.Equal(t, "tool\n", omg("outdated", "--devel", "-q", "tool").Stdout)
		r = omg("outdated", "--devel", "plain")
		require.Equal(t, 1, r.Code)
		require.Contains(t, r.Stderr, `not an installed package that is built from a VCS: "plain"`)
	}
	require.Zero(t, server.Count("refs"), "only --live asks")

	omg := s.RunWithoutDaemon
	live := func(args ...string) harness.Result {
		return omg(append([]string{"outdated", "--devel", "--live"}, args...)...)
	}
	r := live()
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, "tool 1.r5-1 [update]\n    "+url+" HEAD 000000000000 (yay) -> "+first[:12]+"\n", r.Stdout)
	require.Equal(t, "omg: note: unknown: 3 packages \"bare-svn old-git two-git\"; --all shows why\n", r.Stderr)
	require.Equal(t, 2, server.Count("refs"), "the two sources, each once")

	// The answers are used again.
	archive.Commit(t, nil, time.Unix(1e9+1, 0))
	var d develDocument
	r = live("--json")
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &d))
	require.Len(t, d.Records, 2)
	states := map[string]string{}
	for _, p := range d.Packages {
		states[p.Name] = strings.TrimSpace(p.State + " " + p.Why)
	}
	require.Equal(t, map[string]string{
		"bare-svn": "unknown neither yay nor paru has recorded a source", "old-git": "unknown only https addresses are asked", "one-git": "current",
		"tool": "update", "two-git": "unknown the repository has no branch gone",
	}, states)
	require.Equal(t, "two", d.Packages[4].Pkgbase)
	require.Equal(t, first, d.Packages[2].Sources[0].Latest)
	require.NotEmpty(t, d.Packages[2].Sources[0].Asked)
	require.Equal(t, "tool\n", live("-q").Stdout)
	require.Equal(t, "tool update\n", live("--format", "{{.name}} {{.state}}").Stdout)
	require.Contains(t, live("--all").Stdout, "one-git 1.r5-1 [current]\n")
	require.Equal(t, 2, server.Count("refs"))

	// Nothing is an update: the exit code says whether all packages are known to be current.
	require.Equal(t, 1, live("one-git").Code)
	require.Equal(t, 3, live("bare-svn").Code)
	require.Equal(t, 4, live("two-git").Code)

	// A server that does not answer is unknown, not current.
	require.NoError(t, os.Remove(s.Path(".cache/omg/vcs.json")))
	server.RefuseConnections()
	r = live("one-git", "--all")
	require.Equal(t, 4, r.Code, r.Stderr)
	require.Contains(t, r.Stdout, "one-git 1.r5-1 [unknown]\n")
	require.Contains(t, r.Stdout, "[unknown: git: unable to access")

	harness.WriteFile(t, s.Path(".cache/yay/vcs.json"), "{")
	r = omg("outdated", "--devel", "tool", "bare-svn")
	require.Equal(t, "bare-svn 1.r5-1 [unknown: the records of yay could not be read]\n", r.Stdout)
	require.Contains(t, r.Stderr, "omg: note: the records of yay could not be read: "+s.Path(".cache/yay/vcs.json"))
	for _, args := range [][]string{{"--live"}, {"--devel", "--aur"}, {"--devel", "--by", "size"}} {
		require.Equal(t, 2, omg(append([]string{"outdated"}, args...)...).Code, args)
	}
	r = s.WithEnv("PATH=/nonexistent").RunWithoutDaemon("outdated", "--devel", "--live")
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, "git is not installed")
}
