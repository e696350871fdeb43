package index

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// aurFile writes a generated dump of 400 packages.
func (w *world) aurFile() string {
	w.t.Helper()
	var buf bytes.Buffer
	require.NoError(w.t, fixture.AUR(&buf, 400, 1))
	path := filepath.Join(w.home, "packages-meta-ext-v1.json.gz")
	require.NoError(w.t, os.WriteFile(path, buf.Bytes(), 0o644))
	return path
}

func TestTheAURAlone(t *testing.T) {
	w := newWorld(t)
	dump := w.aurFile()
	r := w.index(nil, "build", "--aur", dump)
	require.Zero(t, r.Code, r.Stderr)
	require.Empty(t, r.Stderr)
	own := filepath.Join(w.home, ".local/share/omg/aur.omgidx")
	require.Equal(t, "aur: 400 packages", r.Lines()[0])
	require.Regexp(t, "^"+own+`: 400 packages, \d+ bytes, \d+ms$`, r.Lines()[1])
	require.FileExists(t, own)
	require.NoFileExists(t, filepath.Join(filepath.Dir(own), "repos.omgidx"))
	require.Equal(t, own+": 400 packages, ok\n", w.index(nil, "verify", own).Stdout)
	info := w.index(nil, "info", own).Stdout
	require.Contains(t, info, "Packages: 400\n")
	require.Contains(t, info, "Source:   aur (aur), 400 packages, ")

	want := map[string]wire.Package{}
	_, err := aurdump.Read(t.Context(), dump, func(p *wire.Package) error {
		b, err := json.Marshal(p)
		require.NoError(t, err)
		var kept wire.Package
		require.NoError(t, json.Unmarshal(b, &kept))
		want[p.Name] = kept
		return nil
	})
	require.NoError(t, err)
	lines := w.index(nil, "dump", own).Lines()
	require.Len(t, lines, 400)
	for _, line := range lines {
		var p wire.Package
		require.NoError(t, json.Unmarshal([]byte(line), &p))
		require.Equal(t, want[p.Name], p)
		require.NotNil(t, p.AUR)
	}
}

// TestTheAURWithRepositories: one file with both, the AUR last, and the same bytes
// whenever it is built.
func TestTheAURWithRepositories(t *testing.T) {
	w := newWorld(t)
	dump := w.aurFile()
	one, two := filepath.Join(w.home, "1"), filepath.Join(w.home, "2")
	epoch := []string{"SOURCE_DATE_EPOCH=1000000000"}
	r := w.build(epoch, "--aur", dump, "-o", one)
	require.Equal(t, []string{"core: 24 packages", "extra: 252 packages", "multilib: 24 packages", "aur: 400 packages"}, r.Lines()[:4])
	w.build(epoch, "--aur", dump, "-o", two)
	require.Equal(t, read(t, one), read(t, two))
	require.Equal(t, one+": 700 packages, ok\n", w.index(nil, "verify", one).Stdout)
	r = w.index(nil, "build", "--db", filepath.Join(w.db, "sync/core.db"), "--aur", dump, "-o", two)
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, []string{"core: 24 packages", "aur: 400 packages"}, r.Lines()[:2])
}

// TestABadDump: refused in one line that names it, and the index that was there
// stays.
func TestABadDump(t *testing.T) {
	w := newWorld(t)
	whole := read(t, w.aurFile())
	out := filepath.Join(w.home, "aur.omgidx")
	require.NoError(t, os.WriteFile(out, []byte("as it was"), 0o644))
	for name, c := range map[string]struct {
		content []byte
		says    string
	}{
		"cut off":     {whole[:len(whole)/2], "the dump is cut off: download"},
		"damaged":     {append(bytes.Clone(whole[:len(whole)/2]), bytes.Repeat([]byte{0x55}, 500)...), "the dump is damaged"},
		"a page":      {[]byte("<html><body>503 Service Unavailable</body></html>"), "not a dump of the AUR"},
		"empty":       {nil, "the dump is empty"},
		"no packages": {[]byte("[]"), "the dump is empty"},
		"too large":   {[]byte(`[{"Name":"` + strings.Repeat("a", 2<<20) + `"}]`), "the dump is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dump")
			require.NoError(t, os.WriteFile(path, c.content, 0o644))
			r := w.index(nil, "build", "--aur", path, "-o", out)
			require.Equal(t, 3, r.Code, r.Stderr)
			require.Equal(t, 1, strings.Count(r.Stderr, "\n"), r.Stderr)
			require.Contains(t, r.Stderr, path)
			require.Contains(t, r.Stderr, c.says)
			require.Equal(t, "as it was", string(read(t, out)))
		})
	}
	r := w.index(nil, "build", "--aur", "", "-o", out)
	require.Equal(t, 2, r.Code, r.Stderr)
	r = w.index(nil, "build", "--aur", filepath.Join(w.home, "nowhere"), "-o", out)
	require.Equal(t, 3, r.Code, r.Stderr)
	require.Contains(t, r.Stderr, "no such file")
}

// TestOddPackagesInADump cost themselves, and are named.
func TestOddPackagesInADump(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.home, "dump")
	require.NoError(t, os.WriteFile(path, []byte(`[{"Name":"good","Version":"1-1"},{"Name":"evil\u001b[2J","Version":"1"},{"Name":"good","Version":"2-1"},
		{"Name":"huge","Version":"1","Description":"`+strings.Repeat("x", 300<<10)+`"}]`), 0o644))
	r := w.index(nil, "build", "--aur", path, "-o", filepath.Join(w.home, "x"))
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, "aur: 2 packages", r.Lines()[0])
	require.NotContains(t, r.Stderr, "\x1b")
	require.Contains(t, r.Stderr, "has a name that none can have")
	require.Contains(t, r.Stderr, `"good" stands there again`)
	require.Contains(t, r.Stderr, "left out: aur/huge")
	lines := w.index(nil, "dump", filepath.Join(w.home, "x")).Lines()
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], `"version":"1-1"`)
}
