package inventories

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/hostinventory"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// document returns the document of a host with one package.
func document(host string) string {
	return fmt.Sprintf(`{"schema":1,"host":%q,"at":1,"packages":[{"name":"xz","version":"1-1"}]}`, host)
}

func compress(t *testing.T, content []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return e.EncodeAll(content, nil)
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o644))
}

// readAll returns what each file contains: the name of its host, or its error.
func readAll(t *testing.T, dir string) (hosts []string, errs map[string]error) {
	t.Helper()
	files, err := List(dir)
	require.NoError(t, err)
	errs = map[string]error{}
	ask := func() (*inventory.Reader, func(*inventory.Inventory) string) {
		count := 0
		return &inventory.Reader{VisitPackage: func(*inventory.HostPackage) error { count++; return nil }},
			func(v *inventory.Inventory) string { return fmt.Sprint(v.Host, count) }
	}
	require.NoError(t, Each(context.Background(), files, ask, func(f File, result string, err error) error {
		if err != nil {
			errs[filepath.Base(f.Path)] = err
		} else {
			hosts = append(hosts, f.Host+"="+result)
		}
		return nil
	}))
	return hosts, errs
}

func TestEach(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range 100 {
		name := fmt.Sprintf("host%03d", i)
		content, suffix := []byte(document(name)), ".json"
		if i%2 == 0 {
			content, suffix = compress(t, content), ".json.zst"
		}
		write(t, dir, name+suffix, content)
		want = append(want, name+"="+name+"1")
	}
	write(t, dir, ".host.json", []byte("half"))
	write(t, dir, "README", []byte("text"))
	hosts, errs := readAll(t, dir)
	require.Equal(t, want, hosts, "in the order of the names")
	require.Empty(t, errs)
}

// TestEach_Ends checks that an error of the function yield, and the end of the context, end Each.
func TestEach_Ends(t *testing.T) {
	dir := t.TempDir()
	for i := range 50 {
		write(t, dir, fmt.Sprintf("host%d.json", i), []byte(document("x")))
	}
	files, err := List(dir)
	require.NoError(t, err)
	ask := func() (*inventory.Reader, func(*inventory.Inventory) int) {
		return &inventory.Reader{}, func(*inventory.Inventory) int { return 1 }
	}
	full, calls := errors.New("full"), 0
	require.ErrorIs(t, Each(context.Background(), files, ask, func(File, int, error) error { calls++; return full }), full)
	require.Equal(t, 1, calls)
	ctx, cancel := context.WithCancel(context.Background())
	err = Each(ctx, files, ask, func(File, int, error) error { cancel(); return nil })
	require.ErrorIs(t, err, context.Canceled)
}

// TestEach_Hostile checks that damaged and hostile files are refused, each with the reason, and that the other files are read.
func TestEach_Hostile(t *testing.T) {
	dir := t.TempDir()
	whole := compress(t, []byte(document("x")+strings.Repeat(" ", 1<<16)))
	window, err := zstd.NewWriter(nil, zstd.WithWindowSize(maxFileBytes*8))
	require.NoError(t, err)
	bomb := compress(t, bytes.Repeat([]byte(" "), maxDocumentBytes+1))
	require.Less(t, len(bomb), 1<<20)
	want := map[string]string{
		"bomb.json.zst": "it is larger than 24 MiB", "cut.json.zst": "not a complete file of zstd", "garbage.json.zst": "not a complete file of zstd",
		"empty.json": "not valid JSON", "empty.json.zst": "not valid JSON", "other.json": "not the document", "dir.json": "it is a directory", "pipe.json": "not a regular file",
		"dangling.json": "no such file", "large.json": "it is larger than 24 MiB", "large.json.zst": "it is larger than 8 MiB", "window.json.zst": "it is larger than 24 MiB",
	}
	write(t, dir, "bomb.json.zst", bomb)
	write(t, dir, "cut.json.zst", whole[:len(whole)-8])
	write(t, dir, "garbage.json.zst", []byte("garbage"))
	write(t, dir, "window.json.zst", window.EncodeAll(bytes.Repeat([]byte("0123456789abcdef"), maxDocumentBytes/8), nil))
	write(t, dir, "empty.json", nil)
	write(t, dir, "empty.json.zst", nil)
	write(t, dir, "other.json", []byte(`{"a":1}`))
	write(t, dir, "fine.json", []byte(document("fine")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dir.json"), 0o755))
	require.NoError(t, os.Symlink("none", filepath.Join(dir, "dangling.json")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.json"), 0o644))
	for name, size := range map[string]int64{"large.json": maxDocumentBytes + 1, "large.json.zst": maxFileBytes + 1} {
		write(t, dir, name, nil)
		require.NoError(t, os.Truncate(filepath.Join(dir, name), size))
	}
	hosts, errs := readAll(t, dir)
	require.Equal(t, []string{"fine=fine1"}, hosts)
	require.Len(t, errs, len(want))
	for name, text := range want {
		require.ErrorContains(t, errs[name], text, name)
	}
}

// TestReadFile_Changed checks that a file is refused if it changes after it was opened, also if its size stays the same, but not if another
// file replaces it.
func TestReadFile_Changed(t *testing.T) {
	dir := t.TempDir()
	changes := map[string]func(path string) error{
		"content": func(path string) error {
			return errors.Join(os.WriteFile(path, []byte(document("b")), 0o644), os.Chtimes(path, time.Time{}, time.Unix(1, 0)))
		},
		"shorter": func(path string) error { return os.Truncate(path, 5) },
		"longer":  func(path string) error { return os.Truncate(path, 500) },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", []byte(document("new")), 0o644), os.Rename(path+".new", path))
		},
	}
	for name, change := range changes {
		path := filepath.Join(dir, name+".json")
		require.NoError(t, os.WriteFile(path, []byte(document("a")), 0o644))
		f, stamp, err := sourcefile.Open(path)
		require.NoError(t, err)
		require.NoError(t, change(path))
		var d documents
		if err = d.readFile(f, stamp); name == "replaced" {
			require.NoError(t, err)
			require.Equal(t, document("a"), string(d.file))
		} else {
			require.ErrorIs(t, err, sourcefile.ErrChanged, name)
		}
		require.NoError(t, f.Close())
	}
}

func TestList_Many(t *testing.T) {
	_, err := List(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	dir := t.TempDir()
	for _, name := range []string{"b.json", "a.json.zst", "a.json", "a-b.json", ".json", "c.zst"} {
		write(t, dir, name, nil)
	}
	files, err := List(dir)
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, f.Host+" "+filepath.Base(f.Path))
	}
	require.Equal(t, []string{"a a.json", "a a.json.zst", "a-b a-b.json", "b b.json"}, names)
}

func TestReadRoster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster")
	for text, want := range map[string][]string{
		"web2\nweb1 # one\r\n\n# all\nweb1\n": {"web1", "web2"}, "": nil, "ü.example.org": {"ü.example.org"},
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		got, err := ReadRoster(path)
		require.NoError(t, err, text)
		require.True(t, slices.Equal(want, got), "%q: %q", text, got)
	}
	for text, want := range map[string]string{
		"a\nb c\n": "line 2 is not the name of a host", "../x": "line 1", "a\x1b[31m": "line 1", strings.Repeat("x", 256): "line 1", "\xff": "line 1",
		strings.Repeat("x", 1<<17): "token too long",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := ReadRoster(path)
		require.ErrorContains(t, err, want, "%.20q", text)
	}
	require.NoError(t, os.Truncate(path, maxRosterBytes+1))
	_, err := ReadRoster(path)
	require.ErrorContains(t, err, "larger than 16 MiB")
	_, err = ReadRoster(t.TempDir())
	require.ErrorContains(t, err, "it is a directory")
}

// TestRead_Short asks all questions. The answers from the short document are those from the whole one, which is read only if a question needs it.
func TestRead_Short(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, fixture.WriteInventories(dir, fixture.InventoryOptions{Hosts: 1, Packages: 100, Seed: 1, At: 1}))
	path := filepath.Join(dir, "host00000.json.zst")
	both, err := os.ReadFile(path)
	require.NoError(t, err)
	short, whole, err := hostinventory.Split(both)
	require.NoError(t, err)
	require.Less(t, 3*len(short), len(whole))
	onlyShort := hostinventory.Join(short, []byte("damaged"))
	for kind, readsShort := range map[question.Kind]bool{
		question.KindHosts: true, question.KindStatus: true, question.KindOutdated: true, question.KindSecurity: true, question.KindAUR: true, question.KindHas: true, question.KindSearch: false,
	} {
		spec := question.Spec{Kind: kind}
		if kind == question.KindHas || kind == question.KindSearch {
			spec.Words = []string{"xz"}
		}
		var d documents
		answer := func(data []byte) (*question.Answer, error) {
			t.Helper()
			q, err := spec.Question()
			require.NoError(t, err)
			write(t, dir, "host00000.json.zst", data)
			r, finish := q.Ask()
			v, err := d.read(path, r)
			if err != nil {
				return nil, err
			}
			return finish(v), nil
		}
		want, err := answer(whole)
		require.NoError(t, err)
		got, err := answer(both)
		require.NoError(t, err)
		require.Equal(t, want, got, kind)
		got, err = answer(onlyShort)
		if readsShort {
			require.NoError(t, err)
			require.Equal(t, want, got, kind)
		} else {
			require.ErrorContains(t, err, "not a complete file of zstd")
		}
		_, err = answer(both[:len(both)-1])
		require.ErrorContains(t, err, "do not belong together", kind)
		d.close()
	}
}

// FuzzRead checks that a file with any content is read or refused.
func FuzzRead(f *testing.F) {
	e, err := zstd.NewWriter(nil)
	require.NoError(f, err)
	f.Add([]byte(document("x")), false)
	f.Add(e.EncodeAll([]byte(document("x")), nil), true)
	f.Add(hostinventory.Join(e.EncodeAll([]byte(document("x")), nil), e.EncodeAll([]byte(document("x")), nil)), true)
	f.Fuzz(func(t *testing.T, content []byte, isCompressed bool) {
		path := filepath.Join(t.TempDir(), "h.json")
		if isCompressed {
			path += ".zst"
		}
		require.NoError(t, os.WriteFile(path, content, 0o644))
		var d documents
		defer d.close()
		v, err := d.read(path, &inventory.Reader{})
		require.Equal(t, err != nil, v == nil)
	})
}
