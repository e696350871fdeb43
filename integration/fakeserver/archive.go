package fakeserver

import (
	"encoding/json"
	"fmt"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
)

// ArchiveURLPath is the path of the AUR's git archive.
const ArchiveURLPath = "/archive.git"

// GitArchive is the git archive of an AUR, in the form in which aurweb-git-archive writes it. The real git serves it.
type GitArchive struct {
	dir     string
	handler *cgi.Handler
}

// NewGitArchive creates an archive without a commit.
func NewGitArchive(t testing.TB) *GitArchive {
	t.Helper()
	a := &GitArchive{dir: filepath.Join(t.TempDir(), "archive.git")}
	require.NoError(t, os.Mkdir(a.dir, 0o755))
	a.git(t, time.Unix(0, 0), "init", "-q")
	where, err := exec.Command(need.Program(t, "git"), "--exec-path").Output()
	require.NoError(t, err)
	a.handler = &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(where)), "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(a.dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + a.dir,
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		},
		InheritEnv: []string{"PATH"},
	}
	return a
}

// Head returns the name of the latest commit.
func (a *GitArchive) Head(t testing.TB) string { return a.git(t, time.Unix(0, 0), "rev-parse", "HEAD") }

// git runs git in the archive, and returns what it prints. Commits get the time at.
func (a *GitArchive) git(t testing.TB, at time.Time, args ...string) string {
	t.Helper()
	c := exec.Command(need.Program(t, "git"), args...)
	c.Dir = a.dir
	date := fmt.Sprintf("%d +0000", at.Unix())
	c.Env = []string{
		"HOME=" + a.dir, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=aurweb", "GIT_AUTHOR_EMAIL=aur@example.org",
		"GIT_COMMITTER_NAME=aurweb", "GIT_COMMITTER_EMAIL=aur@example.org", "GIT_AUTHOR_DATE=" + date, "GIT_COMMITTER_DATE=" + date,
	}
	out, err := c.CombinedOutput()
	require.NoError(t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// Commit adds a commit of the time at with the packages.
func (a *GitArchive) Commit(t testing.TB, packages []Package, at time.Time) {
	t.Helper()
	bases, names := map[string]any{}, map[string]any{}
	for i := range packages {
		text, err := json.Marshal(packages[i])
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		base := map[string]any{"ID": fields["PackageBaseID"], "PopularityUpdated": at.Unix()}
		for _, key := range []string{"URLPath", "FirstSubmitted", "LastModified", "OutOfDate", "Maintainer", "Keywords", "NumVotes", "Popularity"} {
			base[key] = fields[key]
			delete(fields, key)
		}
		delete(fields, "ID")
		delete(fields, "PackageBaseID")
		bases[packages[i].PackageBase], names[packages[i].Name] = base, fields
	}
	for name, content := range map[string]any{"pkgbase.json": bases, "pkgname.json": names} {
		text, err := json.MarshalIndent(content, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(a.dir, name), text, 0o600))
	}
	a.git(t, at, "add", "-A")
	a.git(t, at, "commit", "-q", "--allow-empty", "-m", "update")
}
