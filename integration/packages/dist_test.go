package packages

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// TestDist_Reproducible checks that two clones at different paths, whose files have different times and permissions,
// give the same tarball.
func TestDist_Reproducible(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "the", "second")
	repository(t, first)
	run(t, first, "bash", "-c", `umask 077 && git clone -q . "$1"`, "bash", second)
	harness.WriteFile(t, filepath.Join(second, "untracked"), "not a part of the commit")
	run(t, first, "make", "dist", "VERSION="+version)
	run(t, second, "bash", "-c", "umask 077 && TZ=Asia/Tokyo GZIP=-1 make dist VERSION="+version)

	for _, name := range []string{"omg-1.2.3.tar.gz", "omg-1.2.3.tar.gz.sha256"} {
		require.True(t, string(harness.ReadFile(t, filepath.Join(first, "dist", name))) == string(harness.ReadFile(t, filepath.Join(second, "dist", name))), name)
	}
	require.Len(t, harness.ListDir(t, filepath.Join(first, "dist")), 2)
	require.Empty(t, harness.ListDir(t, filepath.Join(first, "build")), "the directory of the stage is removed")
	require.Equal(t, "omg-1.2.3.tar.gz: OK\n", run(t, filepath.Join(first, "dist"), "sha256sum", "--check", "omg-1.2.3.tar.gz.sha256"))
}

// TestDist_OwnVersion checks that the content of the tarball has the tarball's version, also inside of another git
// repository, and that a copy without a version does not use the version of that repository.
func TestDist_OwnVersion(t *testing.T) {
	project, other := filepath.Join(t.TempDir(), "project"), t.TempDir()
	repository(t, project)
	run(t, project, "git", "tag", version)
	run(t, project, "make", "dist")

	run(t, other, "git", "init", "-q")
	run(t, other, "git", "commit", "-q", "--allow-empty", "-m", "other: begin")
	run(t, other, "git", "tag", "v9.9.9")
	run(t, other, "tar", "-xf", filepath.Join(project, "dist", "omg-1.2.3.tar.gz"))
	unpacked := filepath.Join(other, "omg-1.2.3")
	require.Equal(t, version+"\n", string(harness.ReadFile(t, filepath.Join(unpacked, "VERSION"))))
	require.Contains(t, run(t, unpacked, "make", "--dry-run", "build"), "version.stamped="+version+"'")
	require.NoFileExists(t, filepath.Join(unpacked, "vendor", "modules.txt"))

	require.NoError(t, os.Remove(filepath.Join(unpacked, "VERSION")))
	require.NotContains(t, run(t, unpacked, "make", "--dry-run", "build"), "9.9.9")

	for _, version := range []string{"../x", "1.0;true", "-1"} {
		r := harness.Run(t, prepared(t, project, "make", "dist", "VERSION="+version))
		require.NotZero(t, r.Code, version)
		require.Contains(t, r.Stderr, "is not a version: run make dist VERSION=v1.2.3")
	}
	r := harness.Run(t, prepared(t, unpacked, "make", "dist", "VERSION="+version))
	require.NotZero(t, r.Code)
	require.Contains(t, r.Stderr, "is not a git repository: run make dist in a clone of the project")
}
