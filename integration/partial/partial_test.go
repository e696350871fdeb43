package partial

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { harness.MainParallel(m, "6") }

const (
	answered = 0
	failed   = 3
)

// config is the part of pacman.conf that all tests share. It names only the repository good. newSystem adds the
// repository bad; a system without the bad repository uses config alone.
const config = "[options]\nArchitecture = x86_64\nSigLevel = Never\n[good]\nServer = file:///nowhere\n"

// newSystem has three installed packages: one with an update in the repository good, one with an update in the
// repository bad, and one that is in no repository. The tests damage bad. The system's programs run as an ordinary
// user, because root can read everything.
func newSystem(t *testing.T, bin string) *harness.System {
	t.Helper()
	s := harness.New(t, harness.WithoutDatabases())
	harness.WriteFile(t, s.PacmanConf, config+"[bad]\nServer = file:///nowhere\n")
	harness.WriteFile(t, s.SyncDBPath("good"), harness.BuildDatabase(t,
		harness.NewPackageEntry("tool", "2-1", "DESC", "a good thing"), harness.NewPackageEntry("toolbox", "1-1", "DESC", "another good thing")))
	harness.WriteFile(t, s.SyncDBPath("bad"), harness.BuildDatabase(t,
		harness.NewPackageEntry("gadget", "2-1", "DESC", "a thing"), harness.NewPackageEntry("gear", "1-1", "DESC", "another thing")))
	s.Install("tool", "1-1")
	s.Install("gadget", "1-1")
	s.Install("lonely", "1-1", "REASON", "1")
	if bin != "" {
		s.Bin = bin
	}
	if os.Getuid() == 0 {
		const nobody = 65534
		return s.AsUser(nobody)
	}
	return s
}

// question is a command of omg that a test runs while a database is bad.
type question struct {
	line string
	// dependsOnBad is set if the answer depends on the bad repository. Other answers must stay the same.
	dependsOnBad bool
	// code is the exit code if the bad repository has no earlier index that omg can use.
	code int
}

// questions are commands that omg answers from the sources that it can read. The output of omg is the same as on a
// system without the bad repository.
var questions = []question{
	{"search -q thing", true, answered},
	{"search -q thing --repo good", false, answered},
	{"search -q gear", true, failed},
	{"info tool", true, answered},
	{"info good/tool", false, answered},
	{"info gear", true, failed},
	{"info gadget", true, answered}, // it is installed
	{"outdated", true, answered},
	{"foreign", true, answered},
	{"installed --foreign", true, answered},
	{"installed", false, answered},
	{"installed -q thing", false, 1},
	{"explicit", false, answered},
	{"orphans", false, answered},
	{"info -i gadget", false, answered},
	{"owns /usr/share/gadget", false, answered},
	{"why gadget", false, answered},
}

// refused are the commands that omg answers only if all sources can be read.
var refused = []string{"search -q --repo bad thing", "info bad/gear", "foreign -q", "installed --foreign -q", "--strict search thing", "--strict outdated", "--strict status"}

// healthy contains the answers that omg gave before a database was damaged.
type healthy struct {
	all, without map[string]harness.Result // the answers with both repositories, and with the good repository alone
	bin          string
}

// answersBefore runs all questions while no database is bad.
func answersBefore(t *testing.T) healthy {
	t.Helper()
	s := newSystem(t, "")
	h := healthy{map[string]harness.Result{}, map[string]harness.Result{}, s.Bin}
	one := s.SecondSystem(t, config)
	for _, q := range questions {
		h.all[q.line] = s.RunWithoutDaemon(strings.Fields(q.line)...)
		require.NotContains(t, h.all[q.line].Stderr, "partial", q.line)
		h.without[q.line] = one.RunWithoutDaemon(strings.Fields(q.line)...)
	}
	require.Equal(t, "tool\ntoolbox\ngear\ngadget\n", h.all["search -q thing"].Stdout)
	require.Equal(t, "tool\ntoolbox\n", h.without["search -q thing"].Stdout)
	require.Equal(t, "lonely 1-1\n", h.all["foreign"].Stdout)
	require.Equal(t, "gadget 1-1\nlonely 1-1\n", h.without["foreign"].Stdout)
	require.Equal(t, "tool 1-1 -> 2-1\n", h.without["outdated"].Stdout)
	for _, line := range refused {
		require.Equal(t, answered, s.RunWithoutDaemon(strings.Fields(line)...).Code, line)
	}
	return h
}

// TestPartial checks each way to damage a database in three cases: a daemon read the good database before, a daemon
// starts with the bad one, and no daemon runs. In each case, an index of the good database exists or does not exist.
func TestPartial(t *testing.T) {
	t.Parallel()
	h := answersBefore(t)
	for _, f := range faults() {
		for _, daemon := range []string{"no daemon", "running", "started"} {
			for _, indexed := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/index=%t", f.name, daemon, indexed), func(t *testing.T) {
					t.Parallel()
					s := newSystem(t, h.bin)
					omg := s.RunWithoutDaemon
					if indexed && daemon != "running" {
						s.BuildIndexes()
					}
					var d *harness.Daemon
					if daemon == "running" {
						d = s.StartDaemon()
					}
					f.spoil(t, s.SyncDBPath("bad"))
					if daemon == "started" {
						d = s.LaunchDaemon()
					}
					state := "stale"
					if !indexed {
						state = f.state()
					}
					if d != nil {
						if daemon == "running" {
							awaitState(d, "stale", f.says)
						}
						if !indexed {
							_ = os.Remove(s.IndexPath("bad"))
						}
						awaitState(d, state, f.says)
						omg = d.Omg
					}
					c := &partialCase{t, h, f, omg, state}
					c.questions()
					c.refusals()
					c.status()
					if d == nil {
						require.Equal(t, "?\n", c.probe(s, "uc"), "nobody has counted")
						return
					}
					c.statusFile(s)
				})
			}
		}
	}
}

// TestPartial_NoUpdate checks lists that are empty while the bad repository is unreadable: omg must not conclude that
// there are no updates, or no foreign packages.
func TestPartial_NoUpdate(t *testing.T) {
	t.Parallel()
	bin := newSystem(t, "").Bin
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, bin)
			for _, name := range []string{"tool-1-1", "gadget-1-1", "lonely-1-1"} {
				require.NoError(t, os.RemoveAll(filepath.Join(s.DB, "local", name)))
			}
			s.Install("tool", "2-1")
			f.spoil(t, s.SyncDBPath("bad"))
			d := s.LaunchDaemon()
			awaitState(d, f.state(), f.says)
			for _, omg := range []func(...string) harness.Result{d.Omg, s.RunWithoutDaemon} {
				for _, line := range []string{"outdated", "outdated -q", "foreign", "foreign -q", "installed --foreign"} {
					r := omg(strings.Fields(line)...)
					require.Equal(t, failed, r.Code, "%s: %s", line, r.Stderr)
					require.Empty(t, r.Stdout, line)
					require.Contains(t, r.Stderr, "bad "+f.state(), line)
				}
				r := omg("status", "--format", "{{.counts.updates}} {{.counts.foreign}} {{.partial_counts}}")
				require.Equal(t, "0 0 [foreign updates ignored replacements]\n", r.Stdout)
			}
			c := &partialCase{t: t}
			harness.Await(t, func() bool { return c.probe(s, "uc") == "0?\n" }, "omg-probe prints 0?; it prints %s", func() string { return c.probe(s, "uc") })
		})
	}
}

// awaitState waits until the bad repository has this state for this reason, and no index is being built. While a test replaces a
// database, omgd may see that it is missing.
func awaitState(d *harness.Daemon, state, why string) {
	d.System.T.Helper()
	d.AwaitStatus(func(r *wire.StatusResult) bool {
		src := source(r)
		return string(src.State) == state && strings.Contains(src.Why, why) && !strings.Contains(src.Why, "being indexed") && r.Counts.Updates != nil && r.Index.Packages > 0
	}, "a bad repository that is "+state+": "+why)
}

// source returns the bad repository in a status.
func source(r *wire.StatusResult) wire.Source {
	for _, s := range r.Sources {
		if s.Name == "bad" {
			return s
		}
	}
	return wire.Source{}
}

// partialCase is one case of the tests: a system with a bad database, and the way in which the test runs omg.
type partialCase struct {
	t     *testing.T
	h     healthy
	fault fault
	omg   func(args ...string) harness.Result
	state string // the state of the bad source
}

// indexed reports whether omg answers from an earlier index of the bad database.
func (c *partialCase) indexed() bool { return c.state == "stale" }

// requireNamed requires that notes name the bad source with its state and the reason.
func (c *partialCase) requireNamed(text, what string) {
	c.t.Helper()
	require.Contains(c.t, text, "bad", what)
	require.Contains(c.t, text, c.state, what)
	require.Contains(c.t, text, c.fault.says, what)
}

func (c *partialCase) questions() {
	c.t.Helper()
	for _, q := range questions {
		r := c.omg(strings.Fields(q.line)...)
		harness.RequireSafeOutput(c.t, r)
		want := c.h.all[q.line]
		if q.dependsOnBad && !c.indexed() {
			want = c.h.without[q.line]
			want.Code = q.code
		}
		require.Equal(c.t, want.Stdout, r.Stdout, "%s: %s", q.line, r.Stderr)
		require.Equal(c.t, want.Code, r.Code, "%s: %s", q.line, r.Stderr)
		switch {
		case !q.dependsOnBad:
			require.NotContains(c.t, r.Stderr, "bad", q.line)
		case c.indexed():
			require.NotContains(c.t, r.Stderr, "partial", q.line)
			c.requireNamed(r.Stderr, q.line)
		default:
			require.Contains(c.t, r.Stderr, "omg: note: partial: bad "+c.state, q.line)
			c.requireNamed(r.Stderr, q.line)
		}
	}
}

func (c *partialCase) refusals() {
	c.t.Helper()
	for _, line := range refused {
		r := c.omg(strings.Fields(line)...)
		if c.indexed() && strings.Contains(line, "bad") {
			require.Equal(c.t, answered, r.Code, "%s: %s", line, r.Stderr)
			continue
		}
		require.Equal(c.t, failed, r.Code, "%s: %s", line, r.Stderr)
		require.Empty(c.t, r.Stdout, line)
		require.Regexp(c.t, `(?m)^omg: .*bad(:| ).*`+regexp.QuoteMeta(c.fault.says), r.Stderr, line)
		require.Contains(c.t, r.Stderr, "omg: error: ", line)
	}
}

// partialCounts are the counts that depend on the content of the bad repository.
var partialCounts = []string{"foreign", "updates", "ignored", "replacements"}

func (c *partialCase) status() {
	c.t.Helper()
	r := c.omg("status", "--json")
	require.Equal(c.t, answered, r.Code, r.Stderr)
	var got struct {
		wire.StatusResult
		Counts map[string]uint32 `json:"counts"`
	}
	require.NoError(c.t, json.Unmarshal([]byte(r.Stdout), &got))
	require.Equal(c.t, c.state, string(source(&got.StatusResult).State))
	c.requireNamed(r.Stdout, "status --json")
	for _, s := range got.Sources {
		require.True(c.t, s.Name == "bad" || s.State == wire.SourceOK, "%+v", s)
	}
	want := map[string]uint32{"installed": 3, "explicit": 2, "orphans": 1, "orphans_required": 1, "foreign": 1, "updates": 2, "ignored": 0, "replacements": 0}
	mark := ""
	if c.indexed() {
		require.Empty(c.t, got.PartialCounts)
	} else {
		want["foreign"], want["updates"], mark = 2, 1, "?"
		require.Equal(c.t, partialCounts, got.PartialCounts)
	}
	require.Equal(c.t, !c.indexed(), got.Partial)
	require.Equal(c.t, want, got.Counts)

	r = c.omg("status")
	require.Equal(c.t, answered, r.Code, r.Stderr)
	lines := []string{
		"Installed       : 3\n", "Explicit        : 2\n",
		fmt.Sprintf("Foreign         : %d%s not from a repository (AUR or local)\n", want["foreign"], mark),
	}
	if c.indexed() { // counts of zero are left out
		lines = append(lines, fmt.Sprintf("Updates         : %d\n", want["updates"]))
		require.NotContains(c.t, r.Stdout, "Replacements")
	} else {
		lines = append(lines, fmt.Sprintf("Updates         : %d? (and 0? ignored)\n", want["updates"]), "Replacements    : 0?\n")
	}
	for _, line := range lines {
		require.Contains(c.t, r.Stdout, line)
	}
	require.Equal(c.t, !c.indexed(), strings.Contains(r.Stdout, "Partial         : bad "+c.state), r.Stdout)
	c.requireNamed(r.Stdout, "status")
}

// probe runs omg-probe, as a prompt does.
func (c *partialCase) probe(s *harness.System, args ...string) string {
	c.t.Helper()
	r := s.Run("omg-probe", append([]string{"--deadline", "0", "--socket", s.Socket(), "--dbpath", s.DB}, args...)...)
	require.Equal(c.t, answered, r.Code, r.Stderr)
	return r.Stdout
}

// statusFile checks the status file. It waits for the file's update, because omgd writes the file after the status has
// changed.
func (c *partialCase) statusFile(s *harness.System) {
	c.t.Helper()
	want := "1?\n"
	if c.indexed() {
		want = "2\n"
	}
	harness.Await(c.t, func() bool { return c.probe(s, "uc") == want }, "omg-probe prints %q; it prints %q", want, func() string { return c.probe(s, "uc") })
	require.Equal(c.t, "3\n", c.probe(s, "tc"))
	require.Equal(c.t, "2\n", c.probe(s, "ec"))
	require.Contains(c.t, c.probe(s, "--status", "all"), strings.TrimSpace(want))
	var got struct {
		Status struct {
			Fresh   bool
			Updates *int
			Partial []string
		}
	}
	require.NoError(c.t, json.Unmarshal([]byte(c.probe(s, "--status", "-f", "json")), &got))
	require.True(c.t, got.Status.Fresh)
	require.NotNil(c.t, got.Status.Updates)
	if c.indexed() {
		require.Empty(c.t, got.Status.Partial)
		return
	}
	require.Equal(c.t, []string{"updates"}, got.Status.Partial)
}
