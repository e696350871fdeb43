package index

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// writeDump writes a generated dump of 400 packages.
func writeDump(s *harness.System) (path string) {
	s.T.Helper()
	var buf bytes.Buffer
	require.NoError(s.T, fixture.WriteAURDump(&buf, 400, 1))
	path = s.Path("packages-meta-ext-v1.json.gz")
	harness.WriteFile(s.T, path, buf.Bytes())
	return path
}

// TestAUR_Alone checks that without an output path the AUR's index is written beside those of the repositories.
func TestAUR_Alone(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	path := writeDump(s)
	r := s.Run("omg-index", "build", "--aur", path)
	require.Zero(t, r.Code, r.Stderr)
	require.Empty(t, r.Stderr)
	dir := s.Path(".local/share/omg/index")
	own := filepath.Join(dir, "aur.omgidx")
	require.Equal(t, "aur: 400 packages", r.Lines()[0])
	require.Regexp(t, "^"+dir+`: 400 packages, \d+ bytes, \S+s$`, r.Lines()[1])
	require.Equal(t, []string{"aur.omgidx", "aur.omgidx.origin"}, harness.ListDir(t, dir))
	require.Equal(t, own+": 400 packages, ok\n", s.Run("omg-index", "verify", own).Stdout)
	info := s.Run("omg-index", "info", own).Stdout
	require.Contains(t, info, "Packages: 400\n")
	require.Contains(t, info, "Source:   aur (aur), 400 packages, ")

	want := map[string]wire.Package{}
	_, err := aurdump.Read(t.Context(), path, func(p *wire.Package) error {
		b, err := json.Marshal(p)
		require.NoError(t, err)
		var kept wire.Package
		require.NoError(t, json.Unmarshal(b, &kept))
		want[p.Name] = kept
		return nil
	})
	require.NoError(t, err)
	packages := dump(s, own)
	require.Len(t, packages, 400)
	for _, p := range packages {
		require.Equal(t, want[p.Name], p)
		require.NotNil(t, p.AUR)
	}
}

// TestAUR_WithRepositories checks that one file can contain the repositories and, after them, the AUR, and that each
// build writes the same bytes.
func TestAUR_WithRepositories(t *testing.T) {
	t.Parallel()
	s := newSystem(t).WithEnv(epoch)
	path := writeDump(s)
	one, r := build(s, "1", "--aur", path)
	require.Equal(t, []string{"core: 24 packages", "extra: 252 packages", "multilib: 24 packages", "aur: 400 packages"}, r.Lines()[:4])
	two, _ := build(s, "2", "--aur", path)
	require.Equal(t, harness.ReadFile(t, one), harness.ReadFile(t, two))
	require.Equal(t, one+": 700 packages, ok\n", s.Run("omg-index", "verify", one).Stdout)
	r = s.Run("omg-index", "build", "--db", s.SyncDBPath("core"), "--aur", path, "-o", two)
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, []string{"core: 24 packages", "aur: 400 packages"}, r.Lines()[:2])
}

// TestAUR_BadDump checks that a bad dump is refused in one line that names it, and that the old index stays.
func TestAUR_BadDump(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	whole := harness.ReadFile(t, writeDump(s))
	out := s.Path("aur.omgidx")
	harness.WriteFile(t, out, "as it was")
	for name, c := range map[string]struct {
		content []byte
		says    string
	}{
		"cut off":     {whole[:len(whole)/2], "the file is truncated: download"},
		"damaged":     {append(bytes.Clone(whole[:len(whole)/2]), bytes.Repeat([]byte{0x55}, 500)...), "the file is damaged"},
		"a page":      {[]byte("<html><body>503 Service Unavailable</body></html>"), "not a dump of the AUR"},
		"empty":       {nil, "the file is empty"},
		"no packages": {[]byte("[]"), "the file is empty"},
		"too large":   {[]byte(`[{"Name":"` + strings.Repeat("a", 65<<20) + `"}]`), "the file is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			path := s.Path("dump")
			harness.WriteFile(t, path, c.content)
			r := s.ForSubtest(t).Run("omg-index", "build", "--aur", path, "-o", out)
			harness.RequireError(t, r, "omg-index", 3, path, c.says)
			require.Equal(t, 1, strings.Count(r.Stderr, "\n"), r.Stderr)
			require.Equal(t, "as it was", string(harness.ReadFile(t, out)))
		})
	}
	harness.RequireError(t, s.Run("omg-index", "build", "--aur", s.Path("nowhere"), "-o", out), "omg-index", 3, "no such file")
}

// TestAUR_OddPackages checks that malformed packages and repeated names are left out and named.
func TestAUR_OddPackages(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	path := s.Path("dump")
	harness.WriteFile(t, path, `[{"Name":"good","Version":"1-1"},{"Name":"evil\u001b[2J","Version":"1"},{"Name":"good","Version":"2-1"},
		{"Name":"huge","Version":"1","Description":"`+strings.Repeat("x", 33<<20)+`"}]`)
	r := s.Run("omg-index", "build", "--aur", path, "-o", s.Path("x"))
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, "aur: 1 packages", r.Lines()[0])
	require.NotContains(t, r.Stderr, "\x1b")
	require.Contains(t, r.Stderr, "has a name that no package can have")
	require.Contains(t, r.Stderr, `"good" has the name of an earlier package`)
	require.Contains(t, r.Stderr, "left out: aur/huge")
	packages := dump(s, s.Path("x"))
	require.Len(t, packages, 1)
	require.Equal(t, "1-1", packages[0].Version)
}
