package badinput

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/journal"
)

// hostileAUR writes two dumps of the AUR that are a day apart. In the second one, each text that anyone can write contains the constant hostile.
func hostileAUR(s *harness.System) (old, next string) {
	s.T.Helper()
	now := time.Now().Unix()
	object := func(name string, fields map[string]any) map[string]any {
		o := map[string]any{
			"Name": name, "PackageBase": name, "PackageBaseID": 7, "Version": "1-1", "Maintainer": nil, "FirstSubmitted": 1_500_000_000,
			"LastModified": now - 100*86400, "License": []string{"MIT"}, "URL": "https://example.org/x",
		}
		for key, value := range fields {
			o[key] = value
		}
		return o
	}
	texts := func() map[string]any {
		return map[string]any{
			"Version": "2" + hostile + "-1", "Maintainer": hostile, "CoMaintainers": []string{hostile, "-co"}, "Submitter": hostile, "LastModified": now - 6*3600,
			"URL": "https://" + hostile + ".example/x", "Description": hostile, "Depends": []string{"evil-new", hostile}, "Keywords": []string{hostile},
			"License": []string{hostile}, "URLPath": hostile, "OutOfDate": now - 7200,
		}
	}
	var first, second []any
	for _, name := range []string{"evil", "-Rdd", ".dot"} {
		first = append(first, object(name, nil))
		second = append(second, object(name, texts()))
	}
	for _, name := range []string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"} {
		first, second = append(first, object(name, map[string]any{"Maintainer": "eva"})), append(second, object(name, map[string]any{"Maintainer": "eva"}))
	}
	second = append(second,
		object("evil-new", map[string]any{"Maintainer": hostile, "FirstSubmitted": now - 5*3600}),
		object("evil"+hostile, nil), object(strings.Repeat("a", 1<<20), nil), object("a/b", nil), object("", nil),
		object("long", map[string]any{"Maintainer": strings.Repeat("m", 1<<20), "PackageBase": strings.Repeat("b", 1<<20)}),
		object("base", map[string]any{"PackageBase": "base" + hostile}))
	write := func(name string, list []any, at int64) string {
		path := s.Path(name)
		text, err := json.Marshal(list)
		require.NoError(s.T, err)
		harness.WriteFile(s.T, path, text)
		require.NoError(s.T, os.Chtimes(path, time.Time{}, time.Unix(at, 0)))
		return path
	}
	return write("old.json", first, now-86400), write("new.json", second, now-3600)
}

// TestText_HostileAUR checks that no output about packages of the AUR contains a control character, whatever their maintainers have written.
func TestText_HostileAUR(t *testing.T) {
	t.Parallel()
	s := harness.New(t, harness.WithEnv("XDG_STATE_HOME="+filepath.Join(t.TempDir(), "state"), "OMG_AUR_INCIDENTS_LISTS="+filepath.Join(t.TempDir(), "\x1b[31mmissing")))
	for _, name := range []string{"evil", "-Rdd", ".dot", "base"} {
		s.Install(name, "1-1")
	}
	old, next := hostileAUR(s)
	path := filepath.Join(s.IndexDir(), journal.FileName)
	printed := s.Run("omg-index", "journal", old, next)
	require.Contains(t, printed.Stdout, `"adopted"`)
	for _, r := range []harness.Result{
		printed, s.BuildIndexes(), s.Run("omg-index", "build", "--aur", next, "--data-dir", s.Data), s.Run("omg-index", "journal", "--to", path, old),
		s.Run("omg-index", "journal", "--to", path, old, next), s.Run("omg-index", "journal", "--export", path),
	} {
		require.Equal(t, answered, r.Code, r.Stderr)
		harness.RequireSafeOutput(t, r)
		require.Less(t, len(r.Stderr), 10_000, "no name of a megabyte")
	}
	d := s.StartDaemon()
	harness.Await(t, func() bool { return strings.Contains(d.Omg("status").Stdout, "AUR Findings") }, "omgd has findings; omgd printed: %s", d.Stderr)
	for _, args := range [][]string{
		{"aur", "log"},
		{"aur", "log", "--all"},
		{"aur", "log", "--all", "--json"},
		{"aur", "log", "--all", "--color", "always"},
		{"aur", "log", "--all", "-q"},
		{"aur", "log", "--all", "--format", "{{.pkgbase}} {{.event}} {{.from}} {{.to}} {{.}}"},
		{"aur", "log", "evil" + hostile},
		{"aur", "log", "--", "-Rdd"},
		{"aur", "check"},
		{"aur", "check", "--json"},
		{"aur", "check", "-q"},
		{"aur", "check", "--color", "always"},
		{"aur", "check", "--offline", "evil", "base"},
		{"aur", "check", "--offline", "--", "-Rdd", ".dot"},
		{"aur", "check", "--offline", "evil" + hostile},
		{"aur", "check", "--format", "{{.name}} {{.level}} {{.findings}} {{.}}"},
		{"aur", "ack", "evil"},
		{"aur", "ack", "--list"},
		{"aur", "ack", "--list", "--json"},
		{"aur", "ack", "evil", hostile},
		{"aur", "ack", "--remove", "evil" + hostile},
		{"outdated"},
		{"outdated", "--json"},
		{"status"},
		{"status", "--json"},
		{"status", "--history"},
		{"info", "aur/evil"},
		{"info", "--json", "aur/evil"},
		{"info", "--installed", "evil"},
		{"search", "--repo", "aur", "evil"},
	} {
		omg := append([]string{"--data-dir", s.Data}, args...)
		for _, r := range []harness.Result{d.Omg(omg...), s.RunWithoutDaemon(args...)} {
			require.Less(t, r.Code, 6, "%q: %s", args, r.Stderr)
			r.Stdout = withoutColour(r.Stdout)
			harness.RequireSafeOutput(t, r)
			require.NotContains(t, r.Stdout+r.Stderr, "\x1b", "%q", args)
			require.NotContains(t, "\n"+r.Stdout, "\n-Rdd\n", "%q: a list for other programs", args)
		}
	}
	for _, format := range []string{"plain", "json"} {
		r := s.Run("omg-probe", "--deadline", "0", "--socket", d.Socket, "--status", "--format", format)
		require.Zero(t, r.Code, r.Stderr)
		require.NotEmpty(t, r.Stdout, format)
		harness.RequireSafeOutput(t, r)
	}
	require.Contains(t, d.Omg("--data-dir", s.Data, "aur", "check").Stdout, "evil")
	require.NotContains(t, d.Stderr(), "\x1b")
}
