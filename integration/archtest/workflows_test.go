package archtest

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// workflow is what the tests read of a file in .github/workflows.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Uses        string
		Permissions map[string]string
		Timeout     int `yaml:"timeout-minutes"`
		Steps       []struct{ Run, Uses string }
	}
}

// workflows returns the workflows by their file names.
func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root(t), ".github", "workflows", "*"))
	require.NoError(t, err)
	all := map[string]workflow{}
	for _, path := range paths {
		name := filepath.Base(path)
		var w workflow
		require.NoError(t, yaml.Unmarshal([]byte(read(t, ".github", "workflows", name)), &w), name)
		require.NotEmpty(t, w.Jobs, name)
		all[name] = w
	}
	require.NotEmpty(t, all)
	return all
}

// prepares matches the commands that a container or a clone needs before make can run.
var prepares = regexp.MustCompile(`^(apt-get (update|install) |pacman -Syu |git config --global --add safe\.directory )`)

// TestWorkflows_OnlyTargets checks that workflows run only targets of the Makefile, which anyone can run without GitHub, and that
// these targets exist.
func TestWorkflows_OnlyTargets(t *testing.T) {
	targets := makeTargets(t)
	run := map[string]bool{}
	for name, w := range workflows(t) {
		for job, steps := range w.Jobs {
			for _, step := range steps.Steps {
				words := strings.Fields(step.Run)
				if len(words) == 0 || prepares.MatchString(step.Run) {
					continue
				}
				run[step.Run] = true
				if step.Run == ".ci/run" {
					continue
				}
				require.Equal(t, "make", words[0], "%s: %s: %q is not a target of the Makefile", name, job, step.Run)
				require.NotContains(t, step.Run, "\n", "%s: %s: one step runs one target", name, job)
				for _, word := range words[1:] {
					if !strings.Contains(word, "=") {
						require.True(t, targets[word], "%s: %s: %q: make has no target %s", name, job, step.Run, word)
					}
				}
			}
		}
	}
	for _, want := range []string{
		".ci/run", "make soak", "make dist", "make dist VENDOR=1", "make dist-bin ARCH=x86_64", "make dist-bin ARCH=aarch64",
		"make lint VULNERABILITIES=required", "make check-aarch64",
	} {
		require.True(t, run[want], "no workflow runs %s", want)
	}
}

// TestWorkflows_Trust checks that a workflow trusts as little as possible: an action is named by the hash of its content, only the
// job that needs a permission has it, and each job ends.
func TestWorkflows_Trust(t *testing.T) {
	pinned := regexp.MustCompile(`^actions/[a-z-]+@[0-9a-f]{40}$`)
	for name, w := range workflows(t) {
		require.Equal(t, map[string]string{"contents": "read"}, w.Permissions, name)
		for job, steps := range w.Jobs {
			if steps.Uses != "" {
				require.Regexp(t, `^\./\.github/workflows/`, steps.Uses, "%s: %s", name, job)
				continue
			}
			require.NotZero(t, steps.Timeout, "%s: %s has no timeout-minutes", name, job)
			if name != "release.yml" {
				require.Empty(t, steps.Permissions, "%s: %s", name, job)
			}
			for _, step := range steps.Steps {
				if step.Uses != "" {
					require.Regexp(t, pinned, step.Uses, "%s: %s", name, job)
				}
			}
		}
	}
}
