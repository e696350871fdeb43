package publish

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// guide returns the block of a language in docs/publishing.md.
func guide(t *testing.T, language string) string {
	t.Helper()
	text := string(harness.ReadFile(t, filepath.Join(harness.ProjectRoot(t), "docs", "publishing.md")))
	_, block, found := strings.Cut(text, "```"+language+"\n")
	require.True(t, found, language)
	block, _, _ = strings.Cut(block, "```")
	return block
}

// asksStandIns is a shell function that makes omg-index ask the stand-ins for the servers that it asks by default.
func (w *sourceServers) asksStandIns() string {
	flags := "--proxy none --timeout 2m --source repositories --source files"
	for name := range fetchedFiles {
		flags += " --source " + name + "=" + w.address(name)
	}
	return `omg-index() { command omg-index "$@" ` + flags + "; }\n"
}

// TestFetch_Workflow runs the commands of the workflow in the guide, as the jobs of a CI system do: each begins in an empty directory, with what the last one
// has put into the cache and on the web server.
func TestFetch_Workflow(t *testing.T) {
	bash := need.Program(t, "bash")
	need.Program(t, "rsync")
	w := newSourceServers(t)
	var workflow struct {
		Concurrency string
		Jobs        map[string]struct {
			Env   map[string]string
			Steps []struct {
				Run, If string
				With    map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(guide(t, "yaml")), &workflow))
	require.NotEmpty(t, workflow.Concurrency)
	job := workflow.Jobs["publish"]
	require.Equal(t, "${{ secrets.OMG_PUBLISH_KEY }}", job.Env["KEY"])
	target := w.Path("srv")
	require.NoError(t, os.Mkdir(target, 0o755))
	conf := regexp.MustCompile(`https://[^/]+/`).ReplaceAllString(guide(t, "ini"), w.servers["mirror"].URL+"/")
	s := w.WithEnv("PATH="+w.Bin+":"+os.Getenv("PATH"), "TARGET="+target, "KEY="+string(harness.ReadFile(t, w.Path("key"))))

	run := func(name string) (outputs []harness.Result) {
		s.WorkDir = w.Path(name)
		require.NoError(t, os.Mkdir(s.WorkDir, 0o755))
		harness.WriteFile(t, filepath.Join(s.WorkDir, "pacman.conf"), conf)
		failed := false
		for _, step := range job.Steps {
			if kept := step.With["path"]; kept != "" { // the cache
				if _, err := os.Stat(w.Path(kept)); err == nil {
					require.NoError(t, os.CopyFS(filepath.Join(s.WorkDir, kept), os.DirFS(w.Path(kept))))
				}
				defer func() {
					require.NoError(t, os.RemoveAll(w.Path(kept)))
					require.NoError(t, os.Rename(filepath.Join(s.WorkDir, kept), w.Path(kept)))
				}()
			}
			if step.Run == "" || failed && step.If == "" {
				continue
			}
			r := harness.Run(t, s.Command(bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", w.asksStandIns()+step.Run))
			failed = failed || r.Code != 0
			outputs = append(outputs, r)
		}
		return outputs
	}
	for _, r := range run("first") {
		requireOK(t, r)
	}
	requireOK(t, w.RunTool("minisign", "-V", "-p", w.Path("key.pub"), "-m", filepath.Join(target, "manifest.json")))
	key, err := os.Stat(w.Path("first", "publish.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), key.Mode().Perm())
	first := fileNames(t, filepath.Join(target, "objects"))

	again := run("again")
	require.Len(t, again, 4)
	require.Contains(t, requireOK(t, again[2]).Stdout, "(0 new, 0 removed, 0 bytes written)")
	require.Equal(t, first, fileNames(t, filepath.Join(target, "objects")))

	// A source fails: the job fails, and what could be fetched is on the web server.
	w.change(2)
	w.servers["news"].SetFault(fakeserver.Page())
	last := run("last")
	require.Len(t, last, 4)
	require.Equal(t, 3, last[2].Code, last[2].Stderr)
	requireOK(t, last[3])
	require.Greater(t, len(fileNames(t, filepath.Join(target, "objects"))), len(first))
	requireOK(t, w.Run("omg-index", "pull", "-p", w.Path("key.pub"), "--data-dir", w.Data, target))
}

// TestFetch_Unit runs the command of omg-publish.service.
func TestFetch_Unit(t *testing.T) {
	bash := need.Program(t, "bash")
	w := newSourceServers(t)
	unit := string(harness.ReadFile(t, filepath.Join(harness.ProjectRoot(t), "packaging/systemd/system/omg-publish.service.in")))
	m := regexp.MustCompile(`(?m)^ExecStart=@BINDIR@/(.*)$`).FindStringSubmatch(unit)
	require.NotNil(t, m)
	command := strings.NewReplacer("/etc/omg/publish.key", w.Path("key"), "/var/lib/omg/public", w.out, "/var/cache/omg", w.Path("cache")).Replace(m[1])
	require.NotRegexp(t, ` /(etc|var)/`, command, "each path is one of the test")
	s := w.WithEnv("PATH=" + w.Bin + ":" + os.Getenv("PATH"))
	requireOK(t, harness.Run(t, s.Command(bash, "-c", w.asksStandIns()+command+" --pacman-config "+w.PacmanConf)))
	require.Len(t, w.manifest().Sources, 9)
	require.FileExists(t, w.Path("cache", "fetched", "core.db"))
}
