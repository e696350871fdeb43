package aur

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

// version is what is installed of a package that no repository has.
func (w *world) version(name string) string {
	w.t.Helper()
	for _, line := range w.ok("foreign") {
		if version, ok := strings.CutPrefix(line, name+" "); ok {
			return version
		}
	}
	w.t.Fatalf("%s is not foreign", name)
	return ""
}

func (w *world) outdated(flags ...string) (all wire.OutdatedResult) {
	w.t.Helper()
	r := w.omg(append([]string{"outdated", "--json"}, flags...)...)
	require.NoError(w.t, json.Unmarshal([]byte(r.Stdout), &all), r.Stderr)
	return all
}

func (w *world) status() (st wire.StatusResult) {
	w.t.Helper()
	require.NoError(w.t, json.Unmarshal([]byte(w.omg("status", "--json").Stdout), &st))
	return st
}

// TestForeignPackagesOfTheCorpus: four of them, of which the AUR has three in a
// later version, by what vercmp says, and one in the same.
func TestForeignPackagesOfTheCorpus(t *testing.T) {
	both(t, func(w *world) { w.build("") }, func(t *testing.T, w *world) {
		all := w.outdated()
		var names, updates []string
		for _, f := range all.Foreign {
			names = append(names, f.Name)
			require.Equal(t, w.version(f.Name), f.Installed)
			newer := strings.TrimSpace(programs.Exec(t, w.env, vercmp(t), f.Version, f.Installed).Stdout)
			require.Equal(t, map[string]string{"1": wire.ForeignUpdate, "0": wire.ForeignCurrent, "-1": wire.ForeignNewer}[newer], f.State, f.Name)
			if f.State == wire.ForeignUpdate {
				updates = append(updates, f.Name)
			}
		}
		require.Equal(t, []string{"google-chrome", "spotify", "visual-studio-code-bin", "yay-bin"}, names)
		require.Len(t, updates, 3)

		repos := w.ok("outdated", "--no-aur")
		require.Len(t, repos, 48)
		lines := w.ok("outdated")
		require.Equal(t, repos, lines[:48], "the AUR's come behind, apart")
		require.Len(t, lines, 51)
		for i, line := range lines[48:] {
			require.Contains(t, line, updates[i]+" ")
			require.Contains(t, line, " -> ")
			require.Contains(t, line, " [aur]")
		}
		require.Equal(t, updates, w.ok("outdated", "--aur", "-q"))

		st := w.status()
		require.EqualValues(t, 48, *st.Counts.Updates)
		require.EqualValues(t, 3, *st.Counts.AURUpdates)
		require.Contains(t, w.omg("status").Stdout, "AUR Updates     : 3\n")
	})
}

func vercmp(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("vercmp")
	if err != nil {
		t.Skip("vercmp is not installed")
	}
	return path
}

// TestEveryStateOfAForeignPackage, through the counts, the lists and the status
// file.
func TestEveryStateOfAForeignPackage(t *testing.T) {
	both(t, func(w *world) {
		w.install("tool-git", "r5-1")
		w.install("thing-nightly", "1-1")
		conf, err := os.ReadFile(w.conf)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(w.conf, []byte(strings.Replace(string(conf), "[options]\n", "[options]\nIgnorePkg = spotify\n", 1)), 0o644))
		w.build(w.dump(
			`{"Name":"google-chrome","Version":"1-1","Maintainer":"m"}`,
			`{"Name":"spotify","Version":"9:1-1","Maintainer":"m"}`,
			`{"Name":"yay-bin","Version":"999-1","OutOfDate":1650000000}`,
			`{"Name":"tool-git","Version":"r9-1","Maintainer":"m"}`,
			`{"Name":"thing-nightly","Version":"1-1","Maintainer":"m"}`,
		))
	}, func(t *testing.T, w *world) {
		states := map[string]string{}
		for _, f := range w.outdated().Foreign {
			states[f.Name] = f.State
		}
		require.Equal(t, map[string]string{
			"google-chrome": "newer", "spotify": "update", "visual-studio-code-bin": "unknown", "yay-bin": "update",
			"tool-git": "vcs", "thing-nightly": "vcs",
		}, states)
		require.Equal(t, []string{
			"spotify " + w.version("spotify") + " -> 9:1-1 [aur] [ignored]",
			"yay-bin " + w.version("yay-bin") + " -> 999-1 [aur] [out of date since 2022-04-15] [orphan]",
		}, w.ok("outdated", "--aur"))
		require.Equal(t, []string{
			"google-chrome " + w.version("google-chrome") + " [aur] [newer than 1-1]",
			"spotify " + w.version("spotify") + " -> 9:1-1 [aur] [ignored]",
			"thing-nightly 1-1 [aur] [unknown (VCS)]",
			"tool-git r5-1 [aur] [unknown (VCS)]",
			"visual-studio-code-bin " + w.version("visual-studio-code-bin") + " [aur] [unknown]",
			"yay-bin " + w.version("yay-bin") + " -> 999-1 [aur] [out of date since 2022-04-15] [orphan]",
		}, w.ok("outdated", "--aur", "--all"))
		c := w.status().Counts
		require.EqualValues(t, 1, *c.AURUpdates)
		require.Equal(t, &wire.AURCounts{Ignored: 1, Newer: 1, VCS: 2, Unknown: 1, OutOfDate: 1, Orphaned: 1}, c.AUR)
		require.Contains(t, w.omg("status").Stdout, "1 ignored, 1 newer here, 2 unknown (VCS), 1 unknown, 1 out of date, 1 orphaned\n")
	})
}

// install adds a package to the local database as pacman would.
func (w *world) install(name, version string) {
	w.t.Helper()
	dir := filepath.Join(w.db, "local", name+"-"+version)
	require.NoError(w.t, os.Mkdir(dir, 0o755))
	require.NoError(w.t, os.WriteFile(filepath.Join(dir, "desc"), []byte(fmt.Sprintf("%%NAME%%\n%s\n\n%%VERSION%%\n%s\n\n", name, version)), 0o644))
	require.NoError(w.t, os.WriteFile(filepath.Join(dir, "files"), []byte("%FILES%\n"), 0o644))
}

// TestWithoutTheAURNothingIsUpToDate: what was never there is unknown, not 0.
func TestWithoutTheAURNothingIsUpToDate(t *testing.T) {
	both(t, func(*world) {}, func(t *testing.T, w *world) {
		st := w.status()
		require.Nil(t, st.Counts.AURUpdates)
		require.Nil(t, st.Counts.AUR)
		require.Contains(t, w.omg("status").Stdout, "AUR Updates     : unknown\n")
		for _, f := range w.outdated().Foreign {
			require.Equal(t, wire.ForeignUnknown, f.State)
		}
		r := w.omg("outdated", "--aur")
		require.Equal(t, 4, r.Code, r.Stderr)
		require.Empty(t, r.Stdout)
		require.Contains(t, r.Stderr, "the AUR is not known")
		require.Len(t, w.ok("outdated"), 48)
	})
}

// TestTheStatusFileHasTheAURsUpdates while the AUR is known and not old.
func TestTheStatusFileHasTheAURsUpdates(t *testing.T) {
	w := newWorld(t)
	d := w.start()
	path := strings.TrimSuffix(d.Socket, ".sock") + ".status"
	number := func() string {
		s, err := statusfile.Read(path)
		if err != nil {
			return err.Error()
		}
		return s.AURUpdates.String()
	}
	require.Eventually(t, func() bool { return number() == "?" }, 20*time.Second, 20*time.Millisecond)
	w.build("")
	now := time.Now()
	dump := w.dump(`{"Name":"yay-bin","Version":"999-1"}`)
	require.NoError(t, os.Chtimes(dump, now, now))
	w.build(dump)
	require.Eventually(t, func() bool { return number() == "1" }, 20*time.Second, 20*time.Millisecond)
	old := now.Add(-100 * time.Hour)
	require.NoError(t, os.Chtimes(dump, old, old))
	w.build(dump)
	require.Eventually(t, func() bool { return number() == "?" }, 20*time.Second, 20*time.Millisecond, "a prompt has no room for how old it is")
}
