package app

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
)

// aurDiff returns a backend with two copies that differ.
func aurDiff(change func(*backend.AURDiff)) fake {
	copies := []backend.BuildCopy{
		{Number: 3, Copied: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC), Version: "1-1"}, {Number: 4, Copied: time.Date(2026, 9, 2, 12, 0, 0, 0, time.UTC)},
	}
	d := &backend.AURDiff{
		Base: "demo", Copies: copies, From: &copies[0], To: &copies[1],
		Changes: []backend.BuildChange{{Change: "source-host-changed", Old: []string{"a.example"}, New: []string{"b\x1b.example"}}},
		Unknown: []string{"x\x1b"},
		Files:   []backend.FileDiff{{Name: "PKGBUILD", State: backend.FileChanged, Diff: "@@ -1 +1 @@\n-\ta\x1b[2J\n+b\n"}, {Name: "a\x1b.install", State: backend.FileAdded, IsTooLong: true}},
	}
	if change != nil {
		change(d)
	}
	return fake{diff: d}
}

func TestAURDiff(t *testing.T) {
	code, stdout, stderr, f := aurDiff(nil).runBackend(t, "aur", "diff", "--build-dir", "/b", "--from", "3", "--to", "4", "aur/demo")
	require.Equal(t, exit.OK, code, stderr)
	require.Empty(t, stderr)
	require.Equal(t, &backend.AURDiffRequest{Name: "demo", BuildDir: "/b", From: 3, To: 4}, f.diffed)
	require.Equal(t, "demo: copy 3 (1-1, of 2026-09-01 12:00) and copy 4 (version unknown, of 2026-09-02 12:00)\n"+
		"    source host changed: \"a.example\" -> \"b\\x1b.example\"\n    unknown: x\uFFFD\n"+
		"\nPKGBUILD changed\n@@ -1 +1 @@\n-\ta\uFFFD[2J\n+b\n\n\"a\\x1b.install\" added, with too many lines to compare\n", stdout)

	code, stdout, _ = aurDiff(nil).run(t, "aur", "diff", "--json", "demo")
	require.Equal(t, exit.OK, code)
	var d backend.AURDiff
	require.NoError(t, json.Unmarshal([]byte(stdout), &d))
	require.Equal(t, aurDiff(nil).diff.Changes, d.Changes)
	require.Contains(t, stdout, `"schema":1`)

	code, stdout, _ = aurDiff(nil).run(t, "aur", "diff", "--format", "{{.pkgbase}} {{(index .changes 0).change}}", "demo")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "demo source-host-changed\n", stdout)
}

// TestAURDiff_Codes checks the exit codes and the errors.
func TestAURDiff_Codes(t *testing.T) {
	only := aurDiff(func(d *backend.AURDiff) { d.Copies, d.From, d.To, d.Files = d.Copies[:1], nil, nil, nil })
	for _, c := range []struct {
		fake fake
		args []string
		code int
		want string
	}{
		{only, []string{"demo"}, exit.NotFound, "there is only copy 3 of the build files of \"demo\", of 2026-09-01 12:00:00: nothing to compare it with"},
		{aurDiff(func(d *backend.AURDiff) { d.Files = nil }), []string{"demo"}, exit.NotFound, "do not differ"},
		{aurDiff(func(d *backend.AURDiff) { d.Problem = "disk full" }), []string{"demo"}, exit.Failed, "disk full"},
		{aurDiff(func(d *backend.AURDiff) { d.Problem = "disk full" }), []string{"--json", "demo"}, exit.Failed, "disk full"},
		{fake{errs: map[string]error{"aur diff": exit.WithCode(exit.NotFound, errors.New("none"))}}, []string{"demo"}, exit.NotFound, "none"},
		{fake{}, nil, exit.Usage, "name one package"},
		{fake{}, []string{"a", "b"}, exit.Usage, "name one package"},
		{fake{}, []string{"../a"}, exit.Usage, "is not the name of a package"},
		{fake{}, []string{"--from", "0", "a"}, exit.Usage, "begin with 1"},
		{fake{}, []string{"--to", "-1", "a"}, exit.Usage, "begin with 1"},
		{fake{}, []string{"--build-dir", "", "a"}, exit.Usage, "--build-dir is"},
	} {
		code, _, stderr := c.fake.run(t, append([]string{"aur", "diff"}, c.args...)...)
		require.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		require.Contains(t, stderr, c.want)
	}
	code, stdout, stderr := aurDiff(func(d *backend.AURDiff) { d.Problem = "disk full" }).run(t, "--strict", "aur", "diff", "demo")
	require.Equal(t, exit.Failed, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "the result is partial: disk full")
}
