package partial

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// unreadDescs are the states in which a power cut or a bad disk can leave an installed package's desc, with the
// reported reason.
func unreadDescs() []fault {
	cut := func(after string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			text := string(harness.ReadFile(t, path))
			at := strings.Index(text, after)
			require.Positive(t, at)
			harness.WriteFile(t, path, text[:at+len(after)])
		}
	}
	return []fault{
		{"empty", func(t *testing.T, path string) { harness.WriteFile(t, path, "") }, "has an empty desc"},
		{"zeros", func(t *testing.T, path string) { harness.WriteFile(t, path, strings.Repeat("\x00", 4096)) }, "has a desc with zero bytes"},
		{"cut in a line", cut("%DEPENDS%\nnee"), "has a desc that ends too early"},
		{"cut after a line", cut("%VALIDATION%\nnone\n"), "has a desc that ends too early"},
		{"cut after a field", cut("%BASE%\napp\n\n"), "has a desc that ends too early"},
		{"missing", func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, "has no desc"},
		{"unreadable", func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0)) }, "has a desc that cannot be read"},
		{"a directory", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o755))
		}, "has a desc that is not a regular file"},
		{"of another package", func(t *testing.T, path string) { harness.WriteFile(t, path, harness.Desc("other", "1-1")) }, "has a desc whose name or version is not that of the directory"},
	}
}

// newLocal returns a system with four installed packages: app, which is explicitly installed, two packages that app
// depends on (one of them through provides), and an orphan.
func newLocal(t *testing.T) *harness.System {
	t.Helper()
	s := harness.New(t, harness.WithoutDatabases())
	harness.WriteFile(t, s.PacmanConf, config)
	harness.WriteFile(t, s.SyncDBPath("good"), harness.BuildDatabase(t, harness.NewPackageEntry("app", "2-1", "DESC", "a good thing")))
	s.Install("app", "1-1", "BASE", "app", "INSTALLDATE", "1700000000", "VALIDATION", "none", "DEPENDS", "needed\nservice", "PROVIDES", "application")
	s.Install("needed", "1-1", "REASON", "1")
	s.Install("server", "1-1", "REASON", "1", "PROVIDES", "service")
	s.Install("orphan", "1-1", "REASON", "1")
	if os.Getuid() == 0 {
		const nobody = 65534
		return s.AsUser(nobody)
	}
	return s
}

// affected lists commands whose answers depend on the desc of the package app. It maps each command to the exit code that
// the command has while this desc is unreadable.
var affected = map[string]int{
	"installed":                        answered,
	"installed --deps":                 answered,
	"installed --orphans":              answered,
	"installed application":            failed,
	"explicit":                         answered,
	"explicit -q":                      answered,
	"explicit --count":                 answered,
	"orphans":                          answered,
	"orphans --required":               answered,
	"orphans -q --partial":             answered,
	"installed -q --orphans --partial": answered,
	"info -i app":                      answered,
	"info -i application":              failed,
	"why needed":                       failed,
	"why --reverse app":                failed,
	"why application":                  failed,
	"files application":                failed,
	"outdated":                         answered,
	"foreign":                          answered,
}

// unaffected lists commands whose answers do not depend on the desc of the package app.
var unaffected = []string{"search app", "info app", "files app", "owns /usr/share/app"}

// TestUnread checks answers about an installed package whose desc cannot be read. Like pacman, omg treats the package
// as explicitly installed and without dependencies. Unlike pacman, omg marks each answer that the desc could change,
// and refuses to print a list that is made for removal.
func TestUnread(t *testing.T) {
	t.Parallel()
	for _, f := range unreadDescs() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newLocal(t)
			for _, line := range []string{"orphans -q", "why application", "info -i application", "files application"} {
				r := s.RunWithoutDaemon(strings.Fields(line)...)
				require.Equal(t, answered, r.Code, "%s: %s", line, r.Stderr)
				require.NotContains(t, r.Stderr, "partial", line)
			}
			d := s.StartDaemon()
			f.spoil(t, filepath.Join(s.DB, "local", "app-1-1", "desc"))
			require.Equal(t, answered, d.Omg("refresh").Code, "pacman itself always changes the directory local")
			why := "local/app-1-1 " + f.says
			d.AwaitStatus(func(r *wire.StatusResult) bool { return r.Partial && r.Why == why }, why)
			for _, omg := range []func(...string) harness.Result{s.RunWithoutDaemon, d.Omg} {
				c := &partialCase{t: t, omg: omg}
				c.unread(why)
			}
			health := d.Omg("health", "--json")
			require.Contains(t, health.Stdout, `"name":"local","state":"degraded","why":"incomplete: `+why+`"`)
			require.Contains(t, s.RunWithoutDaemon("doctor").Stdout, why)
			c := &partialCase{t: t}
			for number, want := range map[string]string{"ec": "1?\n", "oc": "3?\n", "tc": "4\n"} {
				harness.Await(t, func() bool { return c.probe(s, number) == want }, "omg-probe %s prints %s", number, want)
			}
		})
	}
}

// unread checks all answers of a system in which the desc of app is unreadable.
func (c *partialCase) unread(why string) {
	c.t.Helper()
	for line, code := range affected {
		r := c.omg(strings.Fields(line)...)
		harness.RequireSafeOutput(c.t, r)
		require.Equal(c.t, code, r.Code, "%s: %s", line, r.Stderr)
		require.Contains(c.t, r.Stderr, "omg: note: partial: "+why+"\n", line)
		if strings.Contains(line, "-q") || strings.Contains(line, "--count") || line == "why application" {
			continue // without JSON
		}
		r = c.omg(append(strings.Fields(line), "--json")...)
		require.Contains(c.t, r.Stdout, `"partial":true`, line)
		require.Contains(c.t, r.Stdout, `"why":"`+why+`"`, line)
	}
	for _, line := range unaffected {
		r := c.omg(strings.Fields(line)...)
		require.Equal(c.t, answered, r.Code, "%s: %s", line, r.Stderr)
		require.NotContains(c.t, r.Stderr, "partial", line)
	}
	for _, line := range []string{"orphans -q", "orphans -q --required", "installed -q --orphans", "--strict explicit", "--strict why needed"} {
		r := c.omg(strings.Fields(line)...)
		require.Equal(c.t, failed, r.Code, line)
		require.Empty(c.t, r.Stdout, line)
		require.Contains(c.t, r.Stderr, "omg: error: the result is partial: "+why+"\n", line)
	}
	r := c.omg("status", "--json")
	require.Contains(c.t, r.Stdout, `"partial_counts":["explicit","orphans","orphans_required"]`)
	require.Contains(c.t, r.Stdout, `{"name":"local","state":"incomplete","why":"`+why+`"}`)
}

// TestUnread_Pacman checks that omg's lists equal pacman's while a desc is unreadable.
func TestUnread_Pacman(t *testing.T) {
	t.Parallel()
	need.Program(t, "pacman")
	for _, f := range unreadDescs() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newLocal(t)
			f.spoil(t, filepath.Join(s.DB, "local", "app-1-1", "desc"))
			for flags, line := range map[string]string{"-Q": "installed", "-Qe": "explicit", "-Qdt": "orphans", "-Qdtt": "orphans --required"} {
				require.Equal(t, s.Pacman(flags).Stdout, s.RunWithoutDaemon(strings.Fields(line)...).Stdout, flags)
			}
		})
	}
}
