package fleet

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/need"
)

// TestInventory_Pacman compares an inventory with what pacman lists: the packages, the explicit ones, the foreign ones, and the updates. omg
// reads omgd's data, an index, and the databases.
func TestInventory_Pacman(t *testing.T) {
	need.Program(t, "pacman")
	for name, option := range map[string]harness.Option{
		"corpus": harness.WithCorpus(), "generated": harness.WithGenerated(fixture.Options{Packages: 3000, Installed: 1200, Seed: 7}),
	} {
		t.Run(name, func(t *testing.T) {
			s := harness.New(t, option)
			s.Install("own-package", "1-1")
			s.StartDaemon().AwaitReady()
			daemon := s.Run("omg", "inventory", "--json")
			require.Zero(t, daemon.Code, daemon.Stderr)
			compareWithPacman(t, s, daemon.Stdout, true)
			files := s.RunWithoutDaemon("inventory", "--json")
			require.Zero(t, files.Code, files.Stderr)
			compareWithPacman(t, s, files.Stdout, false)
		})
	}
}

func compareWithPacman(t *testing.T, s *harness.System, document string, fromDaemon bool) {
	t.Helper()
	var v inventory.Inventory
	require.NoError(t, json.Unmarshal([]byte(document), &v))
	require.Equal(t, fromDaemon, v.Daemon)
	var all, explicit, foreign, updates []string
	for _, p := range v.Packages {
		line := p.Name + " " + p.Version
		all = append(all, line)
		if p.Reason == "explicit" {
			explicit = append(explicit, line)
		}
		if p.Foreign {
			foreign = append(foreign, line)
		} else {
			require.NotEmpty(t, p.Repo, p.Name)
		}
		require.Equal(t, p.Name != "own-package", p.InstalledAt != 0, p.Name)
	}
	for _, u := range v.Updates {
		if u.Repo != "aur" {
			updates = append(updates, fmt.Sprintf("%s %s -> %s", u.Name, u.Installed, u.Version))
		}
	}
	require.NotEmpty(t, all)
	for flag, got := range map[string][]string{"-Q": all, "-Qe": explicit, "-Qm": foreign, "-Qu": updates} {
		want := strings.Split(strings.TrimSuffix(strings.ReplaceAll(s.Pacman(flag).Stdout, " [ignored]", ""), "\n"), "\n")
		if want[0] == "" {
			want = nil
		}
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got, "pacman %s", flag)
	}
	require.Equal(t, uint32(len(all)), *v.Counts.Installed)
}

var block = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")

// TestGuide_Fleet runs the commands of docs/fleet.md: the loop over ssh with a replacement for ssh, the play of Ansible step by step, and the
// questions about the files that both have collected.
func TestGuide_Fleet(t *testing.T) {
	bash := need.Program(t, "bash")
	blocks := guideBlocks(t, "")
	require.Len(t, blocks["yaml"], 1)
	require.Len(t, blocks["bash"], 1)
	require.Len(t, blocks["sh"], 2)

	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 100, Installed: 10, Seed: 1}))
	s.Install("xz", "5.6.1-1")
	dir, bin := t.TempDir(), t.TempDir()
	flags := strings.Join(s.PathFlags(), "' '")
	tool := func(name, script string) {
		harness.WriteProgram(t, filepath.Join(bin, name), "#!/bin/sh\n"+script+"\n")
	}
	tool("omg", fmt.Sprintf(`exec '%s' --no-daemon '%s' "$@"`, s.Program("omg"), flags))
	tool("omg-fleet", fmt.Sprintf(`exec '%s' "$@"`, s.Program("omg-fleet")))
	tool("ssh", `shift; host=$1; shift; [ "$host" != down ] && exec "$@"`)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hosts"), []byte("web1\nweb2\ndown\n"), 0o644))
	run := func(script string) harness.Result {
		cmd := exec.Command(bash, "-euc", script)
		cmd.Dir, cmd.Env = dir, append(slices.Clone(s.Env), "PATH="+bin+":"+os.Getenv("PATH"))
		return harness.Run(t, cmd)
	}
	collected := run(blocks["bash"][0])
	require.Zero(t, collected.Code, collected.Stderr)
	runPlay(t, blocks["yaml"][0], dir, "db1", run)

	names, err := filepath.Glob(filepath.Join(dir, "inventories", "*"))
	require.NoError(t, err)
	require.Len(t, names, 3, "web1, web2 and db1")
	r := run(blocks["sh"][0])
	require.Equal(t, "db1 xz 5.6.1-1\nweb1 xz 5.6.1-1\nweb2 xz 5.6.1-1\nasked 4, answered 3\n", r.Stdout)
	require.Contains(t, r.Stderr, "down has not answered: it has no file")
	require.Contains(t, r.Stderr, "not in the roster: db1")
	r = run(blocks["sh"][1])
	require.Zero(t, r.Code, r.Stderr)
	require.Contains(t, r.Stdout, `"asked":4,"answered":3,"found":3,"silent":[{"host":"down","state":"missing"`)
}

// guideBlocks returns the blocks of a section of docs/fleet.md by their languages. Without a heading, it is the part before the section about
// servers.
func guideBlocks(t *testing.T, heading string) map[string][]string {
	t.Helper()
	text, _, found := strings.Cut(string(harness.ReadFile(t, filepath.Join(need.ProjectRoot(t), "docs/fleet.md"))), "\n## Through a server\n")
	require.True(t, found)
	if heading != "" {
		_, text, found = strings.Cut(string(harness.ReadFile(t, filepath.Join(need.ProjectRoot(t), "docs/fleet.md"))), "\n## "+heading+"\n")
		require.True(t, found)
		text, _, _ = strings.Cut(text, "\n## ")
	}
	blocks := map[string][]string{}
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2])
	}
	return blocks
}

// runPlay runs the tasks of a play for a host: a command, and fetch, which copies a file.
func runPlay(t *testing.T, text, dir, host string, run func(string) harness.Result) {
	t.Helper()
	var plays []struct {
		Tasks []struct {
			Command string            `yaml:"ansible.builtin.command"`
			Fetch   map[string]string `yaml:"ansible.builtin.fetch"`
		} `yaml:"tasks"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &plays))
	require.Len(t, plays, 1)
	require.Len(t, plays[0].Tasks, 2)
	const written = "/var/tmp/omg-inventory.json.zst"
	command, fetch := plays[0].Tasks[0].Command, plays[0].Tasks[1].Fetch
	here := filepath.Join(t.TempDir(), filepath.Base(written))
	require.Contains(t, command, written)
	r := run(strings.ReplaceAll(command, written, here))
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, written, fetch["src"])
	require.Equal(t, "true", fetch["flat"], "otherwise fetch makes a directory for each host")
	content, err := os.ReadFile(here)
	require.NoError(t, err)
	to := strings.ReplaceAll(fetch["dest"], "{{ inventory_hostname }}", host)
	require.NoError(t, os.WriteFile(filepath.Join(dir, to), content, 0o644))
}
