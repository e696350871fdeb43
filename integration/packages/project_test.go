package packages

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// version is the version of the project's copies.
const version = "v1.2.3"

// copyProject copies the project without build results and vendored modules.
func copyProject(t *testing.T, to string) {
	t.Helper()
	root := harness.ProjectRoot(t)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		switch rel {
		case ".git", "bin", "build", "dist", "vendor":
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil // the .git of a worktree is a file
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), harness.ReadFile(t, path), fi.Mode().Perm())
	}))
}

// repository makes a git repository of the project at dir, with one commit.
func repository(t *testing.T, dir string) {
	t.Helper()
	copyProject(t, dir)
	run(t, dir, "git", "init", "-q")
	run(t, dir, "git", "add", "--all", "--force")
	run(t, dir, "git", "commit", "-q", "-m", "all: add everything")
}

// environment returns the variables of this process for another git or make: without the variables of the make that runs
// the tests, and with a git configuration and a time of their own.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return slices.ContainsFunc([]string{"MAKE", "MFLAGS=", "GIT_", "VERSION=", "CGO_", "GOFLAGS=", "GOARCH="}, func(prefix string) bool {
			return strings.HasPrefix(variable, prefix)
		})
	})
	const date = "2026-01-02T03:04:05Z"
	return append(env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date,
		"GIT_AUTHOR_NAME=test", "GIT_COMMITTER_NAME=test", "GIT_AUTHOR_EMAIL=test@localhost", "GIT_COMMITTER_EMAIL=test@localhost")
}

// prepared returns a command that runs in dir.
func prepared(t *testing.T, dir, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(need.Program(t, program), args...)
	cmd.Dir, cmd.Env = dir, environment()
	return cmd
}

// run runs a program in dir, which must succeed, and returns its output.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	r := harness.Run(t, prepared(t, dir, program, args...))
	require.Zero(t, r.Code, "%s %q:\n%s%s", program, args, r.Stdout, r.Stderr)
	return r.Stdout
}
