package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/journal"
)

// sunday is the time of the first dump.
var sunday = time.Date(2026, 9, 20, 12, 0, 0, 0, time.UTC)

// writeDump writes a dump of 30 package bases, and returns its path. The parameter day is the number of days from sunday to
// the time of the dump. The map changes holds fields to change in the first package base.
func (w *testSystem) writeDump(day int, changes map[string]any) string {
	w.t.Helper()
	var packages []map[string]any
	for i := range 30 {
		name := fmt.Sprintf("demo%02d", i)
		packages = append(packages, map[string]any{
			"Name": name, "PackageBase": name, "PackageBaseID": i + 1, "Version": "1-1", "Maintainer": "alice", "License": []string{"MIT"},
			"FirstSubmitted": 1_500_000_000, "LastModified": 1_600_000_000,
		})
	}
	packages[0]["LastModified"] = sunday.AddDate(0, 0, day).Unix() - 5
	maps.Copy(packages[0], changes)
	content, err := json.Marshal(packages)
	require.NoError(w.t, err)
	name := fmt.Sprintf("dump%d.json", day)
	w.write(name, string(content))
	require.NoError(w.t, os.Chtimes(w.path(name), time.Time{}, sunday.AddDate(0, 0, day)))
	return w.path(name)
}

const orphanedLine = `{"pkgbase":"demo00","event":"orphaned","from":"alice","to":null,"between":["2026-09-20T12:00:00Z","2026-09-21T12:00:00Z"]}`

func TestJournal(t *testing.T) {
	w := newTestSystem(t)
	old, now := w.writeDump(0, nil), w.writeDump(1, map[string]any{"Maintainer": nil})
	r := w.run("journal", old, now)
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Empty(t, r.stderr)
	require.Equal(t, orphanedLine+"\n", r.stdout)
	require.Empty(t, w.run("journal", old, old).stdout)

	r = w.run("journal", now, old)
	require.Equal(t, exit.Failed, r.code)
	require.Empty(t, r.stdout)
	require.Contains(t, r.stderr, "omg-index: error: "+old+": the dump is older than the previous dump: ")
	require.Contains(t, r.stderr, "omg-index: hint: name the older dump first\n")
}

func TestJournal_BadDumps(t *testing.T) {
	w := newTestSystem(t)
	old, now := w.writeDump(0, nil), w.writeDump(1, map[string]any{"Maintainer": nil})
	content := string(w.read(now))
	w.write("small.json", content[:strings.Index(content, `,{"FirstSubmitted":1500000000,"LastModified":1600000000,"License":["MIT"],"Maintainer":"alice","Name":"demo20"`)]+"]")
	w.write("truncated.json", content[:len(content)-3])
	w.write("page.json", "<html>")
	to := w.path("aur.omgjournal")
	require.Equal(t, exit.OK, w.run("journal", "--to", to, old).code)
	for name, want := range map[string]string{
		"small.json": "probably incomplete", "truncated.json": "truncated", "page.json": "not a dump", "none.json": "no such file",
	} {
		for _, args := range [][]string{{"journal", old, w.path(name)}, {"journal", "--to", to, old, w.path(name)}} {
			r := w.run(args...)
			require.Equal(t, exit.Failed, r.code, args)
			require.Empty(t, r.stdout, args)
			require.Contains(t, r.stderr, w.path(name), args)
			require.Contains(t, r.stderr, want, args)
		}
	}
	r := w.run("journal", "--to", to, old, now)
	require.Equal(t, to+": 1 event between 2026-09-20T12:00:00Z and 2026-09-21T12:00:00Z\n", r.stdout)
}

func TestJournal_To(t *testing.T) {
	w := newTestSystem(t)
	to := w.path("aur.omgjournal")
	old, now := w.writeDump(0, nil), w.writeDump(1, map[string]any{"Maintainer": nil})
	require.Equal(t, to+": begins with 30 packages at 2026-09-20T12:00:00Z\n", w.run("journal", "--to", to, old).stdout)
	require.Equal(t, to+": has this dump already\n", w.run("journal", "--to", to, old).stdout)
	r := w.run("journal", "--to", to, old, now)
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Equal(t, to+": 1 event between 2026-09-20T12:00:00Z and 2026-09-21T12:00:00Z\n", r.stdout)
	require.Equal(t, to+": has this dump already\n", w.run("journal", "--to", to, old, now).stdout)

	exported := w.run("journal", "--export", to)
	require.Equal(t, exit.OK, exported.code, exported.stderr)
	require.Len(t, exported.lines(), 3)
	require.Contains(t, exported.lines()[0], `{"observation":"baseline","source":"dump",`)
	require.Equal(t, orphanedLine, exported.lines()[2])
	w.write("lines", exported.stdout)
	r = w.run("journal", "--import", w.path("lines"), "--to", w.path("copy"))
	require.Equal(t, w.path("copy")+": 2 observations\n", r.stdout)
	require.Equal(t, w.read(to), w.read(w.path("copy")))
	w.write("one", exported.lines()[0]+"\n")
	require.Equal(t, w.path("first")+": 1 observation\n", w.run("journal", "--import", w.path("one"), "--to", w.path("first")).stdout)
	r = w.run("journal", "--import", w.path("lines"), "--to", w.path("copy"))
	require.Equal(t, exit.Failed, r.code)
	require.Equal(t, "omg-index: error: "+w.path("copy")+" exists\nomg-index: hint: name a new file\n", r.stderr)
}

// TestJournal_Repaired checks the warnings about a journal that is incomplete or damaged.
func TestJournal_Repaired(t *testing.T) {
	w := newTestSystem(t)
	to := w.path("aur.omgjournal")
	dumps := []string{w.writeDump(0, nil), w.writeDump(1, map[string]any{"Maintainer": nil}), w.writeDump(2, nil)}
	w.run("journal", "--to", to, dumps[0])
	w.run("journal", "--to", to, dumps[0], dumps[1])
	whole := w.read(to)
	require.NoError(t, os.Truncate(to, int64(len(whole)-5)))
	require.Contains(t, w.run("journal", "--export", to).stderr, "omg-index: warning: "+to+": the last entry of the journal is incomplete: ")
	r := w.run("journal", "--to", to, dumps[0], dumps[1])
	require.Equal(t, exit.OK, r.code)
	require.Contains(t, r.stderr, "incomplete")
	require.Equal(t, whole, w.read(to))

	damaged := slices.Clone(whole)
	damaged[40] ^= 1
	require.NoError(t, os.WriteFile(to, damaged, 0o644))
	r = w.run("journal", "--to", to, dumps[1], dumps[2])
	require.Equal(t, exit.OK, r.code)
	require.Contains(t, r.stderr, "the journal is damaged: 1 entry cannot be read\n")
	require.Contains(t, r.stderr, "the damaged file is kept as "+to+journal.DamagedSuffix)
	require.Equal(t, damaged, w.read(to+journal.DamagedSuffix))
	require.Len(t, w.run("journal", "--export", to).lines(), 4)
}

func TestJournal_Usage(t *testing.T) {
	w := newTestSystem(t)
	dump := w.writeDump(0, nil)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "journal needs two dumps"},
		{[]string{dump}, "journal needs two dumps"},
		{[]string{dump, dump, dump}, "journal needs two dumps"},
		{[]string{"--to", "x"}, "journal needs two dumps"},
		{[]string{"--to", "", dump}, "--to needs the path of a file"},
		{[]string{"--to", dump, dump}, "is one of the dumps"},
		{[]string{"--export", "x", dump}, "--export cannot be combined with dumps"},
		{[]string{"--export", "x", "--to", "y"}, "--export cannot be combined with dumps"},
		{[]string{"--import", "x"}, "--import cannot be combined with dumps, and needs --to"},
		{[]string{"--import", "x", "--to", "y", dump}, "--import cannot be combined with dumps, and needs --to"},
	} {
		r := w.run(append([]string{"journal"}, c.args...)...)
		require.Equal(t, exit.Usage, r.code, c.args)
		require.Contains(t, r.stderr, c.want)
	}
	for _, args := range [][]string{{"--export", w.path("none")}, {"--import", w.path("none"), "--to", w.path("x")}, {"--to", w.path("none/x"), dump}} {
		r := w.run(append([]string{"journal"}, args...)...)
		require.Equal(t, exit.Failed, r.code, args)
		require.Contains(t, r.stderr, w.path("none"))
	}
}

func TestJournal_FullDisk(t *testing.T) {
	w := newTestSystem(t)
	old, now := w.writeDump(0, nil), w.writeDump(1, map[string]any{"Maintainer": nil})
	var errs strings.Builder
	require.Equal(t, exit.Failed, Run(t.Context(), []string{"omg-index", "journal", old, now}, full{}, &errs))
	require.Equal(t, "omg-index: error: no space left on device\n", errs.String())
}

// TestJournal_Corpus checks that a real dump that is compared with itself has no events, and that a journal can begin with
// this dump.
func TestJournal_Corpus(t *testing.T) {
	w := newTestSystem(t)
	path := corpus.AURDump(t)
	require.Equal(t, ended{}, w.run("journal", path, path))
	to := w.path("aur.omgjournal")
	r := w.run("journal", "--to", to, path)
	require.Regexp(t, `: begins with 3393 packages at 20\d\d-`, r.stdout)
}
