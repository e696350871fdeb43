package app

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// TestInspect_Which checks that a command reads the index files and directories that its arguments name, or without
// arguments the indexes in the data directory.
func TestInspect_Which(t *testing.T) {
	w := newTestSystem(t)
	for _, command := range []string{"info", "verify", "dump"} {
		r := w.run(command)
		require.Equal(t, exit.Failed, r.code, command)
		require.Empty(t, r.stdout, command)
		require.Equal(t, "omg-index: error: no index in "+w.indexes()+": create one with omg-index build\n", r.stderr)
	}
	w.built()
	w.built("-o", w.path("one.omgidx"))
	own := func(name string) string { return filepath.Join(w.indexes(), name+".omgidx") }
	for _, c := range []struct {
		args, want []string
	}{
		{nil, []string{own("core"), own("extra"), own("multilib")}},
		{[]string{w.indexes()}, []string{own("core"), own("extra"), own("multilib")}},
		{[]string{w.path("one.omgidx")}, []string{w.path("one.omgidx")}},
		{[]string{own("extra"), own("core")}, []string{own("extra"), own("core")}},
		{[]string{w.path("one.omgidx"), w.indexes()}, []string{w.path("one.omgidx"), own("core"), own("extra"), own("multilib")}},
	} {
		r := w.run(append([]string{"verify"}, c.args...)...)
		require.Equal(t, exit.OK, r.code, r.stderr)
		require.Empty(t, r.stderr)
		var names []string
		for _, line := range r.lines() {
			require.Regexp(t, `: (24|252|300) packages, ok$`, line)
			name, _, _ := strings.Cut(line, ": ")
			names = append(names, name)
		}
		require.Equal(t, c.want, names)
		require.Equal(t, len(c.want), strings.Count(w.run(append([]string{"info"}, c.args...)...).stdout, "File:     "))
	}
	require.NoError(t, os.Mkdir(w.path("empty"), 0o755))
	r := w.run("info", w.path("empty"))
	require.Equal(t, exit.Failed, r.code)
	require.Equal(t, "omg-index: error: no index in "+w.path("empty")+": create one with omg-index build\n", r.stderr)
	r = w.run("info", w.path("nothing"))
	require.Equal(t, exit.Failed, r.code)
	require.Equal(t, "omg-index: error: "+w.path("nothing")+": no such file or directory\n", r.stderr)
}

func TestInfo(t *testing.T) {
	w := newTestSystem(t)
	t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
	w.built("-o", w.path("one.omgidx"))
	w.built()
	var info struct {
		Schema, Format, Packages int
		Bytes, Built             int64
		Builder                  string
		Sources                  []struct {
			Name, Kind, SHA256 string
			Packages           int
			Size               int64
			AsOf               int64 `json:"as_of"`
		}
	}
	r := w.run("info", "--json", w.path("one.omgidx"))
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &info))
	require.Equal(t, 1, info.Schema)
	require.Equal(t, 300, info.Packages)
	require.EqualValues(t, 1_000_000_000, info.Built)
	require.Len(t, w.read(w.path("one.omgidx")), int(info.Bytes))
	require.Len(t, info.Sources, 3)
	for i, name := range []string{"core", "extra", "multilib"} {
		fi, err := os.Stat(w.database(name))
		require.NoError(t, err)
		s := info.Sources[i]
		require.Equal(t, name, s.Name)
		require.Equal(t, "repo", s.Kind)
		require.Equal(t, fi.Size(), s.Size)
		require.Equal(t, fi.ModTime().Unix(), s.AsOf)
		require.Len(t, s.SHA256, 64)
	}
	lines := w.run("info", "--json").lines()
	require.Len(t, lines, 3, "one document per line")
	for _, line := range lines {
		require.True(t, json.Valid([]byte(line)))
	}
	text := w.run("info", w.path("one.omgidx")).stdout
	for _, part := range []string{"File:     " + w.path("one.omgidx") + "\n", "Format:   3\n", "Builder:  omg-index ", "Built:    2001-09-09T", "Packages: 300\n", "Source:   core (repo), 24 packages, "} {
		require.Contains(t, text, part)
	}
}

// TestDump checks that dump prints every generated package, one per line.
func TestDump(t *testing.T) {
	w := newTestSystem(t)
	w.built()
	want := packages("core", "extra", "multilib")
	require.Len(t, want, 300)
	lines := w.run("dump").lines()
	require.Len(t, lines, 300)
	for _, line := range lines {
		var p wire.Package
		require.NoError(t, json.Unmarshal([]byte(line), &p))
		require.Equal(t, want[p.Repo+"/"+p.Name], p)
	}
	require.Len(t, w.run("dump", filepath.Join(w.indexes(), "core.omgidx")).lines(), 24)
}

// TestVerify checks that verify detects every flipped bit. If an index is bad, verify must report this and still check the
// other indexes.
func TestVerify(t *testing.T) {
	w := newTestSystem(t)
	w.built()
	core := filepath.Join(w.indexes(), "core.omgidx")
	good := w.read(core)
	const places = 200
	for i := range places {
		b := bytes.Clone(good)
		b[i*(len(good)-1)/(places-1)] ^= 0x10
		require.NoError(t, os.WriteFile(core, b, 0o644))
		r := w.run("verify", core)
		require.Equal(t, exit.Failed, r.code, "byte %d", i*(len(good)-1)/(places-1))
		require.Empty(t, r.stdout)
		require.Equal(t, 1, strings.Count(r.stderr, core), r.stderr)
	}
	for _, text := range []string{"", "<html>", string(good[:len(good)/2]), string(good) + "x"} {
		require.NoError(t, os.WriteFile(core, []byte(text), 0o644))
		for _, command := range []string{"verify", "info", "dump"} {
			r := w.run(command)
			require.Equal(t, exit.Failed, r.code, command)
			require.Regexp(t, `^omg-index: error: `+core+`: [^\n]+\n$`, r.stderr)
			require.NotContains(t, r.stdout, core)
			require.Contains(t, r.stdout, "multilib", command)
		}
	}
	require.NoError(t, os.WriteFile(core, good, 0o644))
	require.Equal(t, exit.OK, w.run("verify").code)
}

// TestVerify_Wrong checks that verify reports an index that has correct checksums but wrong content.
func TestVerify_Wrong(t *testing.T) {
	w := newTestSystem(t)
	b := pkgindex.NewBuilder("another builder", 1)
	require.NoError(t, b.AddSource("core", pkgindex.KindRepo).Add(&wire.Package{Repo: "extra", Name: "a", Version: "1-1"}))
	require.NoError(t, b.WriteFile(w.path("x.omgidx")))
	r := w.run("verify", w.path("x.omgidx"))
	require.Equal(t, exit.Failed, r.code)
	require.Equal(t, "omg-index: error: "+w.path("x.omgidx")+`: index is damaged: record 0 of source "core" contains a package of "extra"`+"\n", r.stderr)
}

// TestVerify_Sparse checks that verify refuses a sparse file of gigabytes without reading all of it.
func TestVerify_Sparse(t *testing.T) {
	w := newTestSystem(t)
	w.built()
	core := filepath.Join(w.indexes(), "core.omgidx")
	const size = 4 << 30
	require.NoError(t, os.Truncate(core, size))
	head := make([]byte, 64)
	in, err := os.Open(core)
	require.NoError(t, err)
	_, err = in.ReadAt(head, 0)
	require.NoError(t, err)
	require.NoError(t, in.Close())
	binary.LittleEndian.PutUint64(head[16:], size)
	binary.LittleEndian.PutUint32(head[28:], crc32.Checksum(head[:28], crc32.MakeTable(crc32.Castagnoli)))
	file, err := os.OpenFile(core, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteAt(head, 0)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := w.run("verify", core)
	runtime.ReadMemStats(&after)
	require.Equal(t, exit.Failed, r.code)
	require.Regexp(t, `^omg-index: error: `+core+`: index is damaged: only \d+ of its 4294967296 bytes were written\n$`, r.stderr)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
}

// TestInspect_NotWritten checks that if the output cannot be written, a command prints only one error.
func TestInspect_NotWritten(t *testing.T) {
	w := newTestSystem(t)
	w.built()
	for _, args := range [][]string{{"info"}, {"info", "--json"}, {"verify"}, {"dump"}} {
		var errs bytes.Buffer
		code := Run(t.Context(), append([]string{"omg-index"}, args...), full{}, &errs)
		require.Equal(t, exit.Failed, code, args)
		require.Equal(t, "omg-index: error: no space left on device\n", errs.String(), args)
	}
}

func TestUsage(t *testing.T) {
	w := newTestSystem(t)
	for line, says := range map[string]string{
		"biuld": "did you mean: build", "nonsense": "see omg-index --help", "info --nonsense": "see omg-index info --help", "info --jsno": "did you mean: --json",
	} {
		r := w.run(strings.Fields(line)...)
		require.Equal(t, exit.Usage, r.code)
		require.Empty(t, r.stdout)
		require.Contains(t, r.stderr, "omg-index: hint: "+says+"\n")
	}
	r := w.run()
	require.Equal(t, exit.OK, r.code)
	for _, command := range []string{"build", "info", "verify", "dump"} {
		require.Contains(t, r.stdout, command)
		help := w.run(command, "--help")
		require.Equal(t, exit.OK, help.code)
		require.Contains(t, help.stdout, "Exit codes: 0 answered; 2 wrong usage; 3 cannot answer.")
	}
}
