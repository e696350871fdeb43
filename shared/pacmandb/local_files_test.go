package pacmandb

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

func TestOwners_RealTreeEqualsPacman(t *testing.T) {
	db := newTestDB(t)
	db.install("one", "1-1")
	db.write("one-1-1/files", "%FILES%\nusr/\nusr/bin/\nusr/bin/tool\nusr/bin/link\nusr/lib/\netc/\netc/one.conf\n\n%BACKUP%\netc/one.conf\t0123\nusr/bin/backup-only\n\n")
	db.install("two", "1-1")
	db.write("two-1-1/files", "%FILES%\nbin\nusr/\nusr/bin/\nusr/bin/gone\nusr/bin/tool\nusr/gone-dir/\nusr/bin/Γ \n\n")
	db.install("three", "1-1")
	db.write("three-1-1/files", "%BACKUP%\nusr/bin/alone\n\n%FILES%\nusr/bin/last") // this file has no newline at its end
	db.install("four", "1-1")
	db.write("four-1-1/files", "")
	o := newOracle(t, db.dir)
	for _, dir := range []string{"usr/bin", "usr/lib", "etc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(o.root, dir), 0o755))
	}
	for _, file := range []string{"usr/bin/tool", "etc/one.conf", "usr/bin/last", "usr/bin/unowned", "usr/bin/backup-only"} {
		require.NoError(t, os.WriteFile(filepath.Join(o.root, file), nil, 0o644))
	}
	require.NoError(t, os.Symlink("usr/bin", filepath.Join(o.root, "bin")))
	require.NoError(t, os.Symlink("tool", filepath.Join(o.root, "usr/bin/link")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(o.root, "dangling")))
	require.NoError(t, os.Symlink("../lib", filepath.Join(o.root, "usr/bin/elsewhere")))
	var paths []string
	for _, p := range []string{
		"/usr", "/usr/", "/usr/bin/tool", "/bin", "/bin/", "/bin/tool", "/bin/../bin/tool", "/usr/bin/link", "/usr/bin/link/",
		"/usr/bin/gone", "/usr/bin/gone/", "/usr/gone-dir", "/usr/gone-dir/", "/bin/gone", "/usr/bin/last", "/usr/bin/unowned",
		"/usr/bin/backup-only", "/usr/bin/alone", "/etc/one.conf", "/etc/./one.conf", "/dangling/tool", "/dangling", "/usr/bin/Γ ",
		"", "/", "/usr/bin/tool/", "/usr/bin/..", "/usr/bin/.", "/usr/gone/../bin/tool", "/usr/./gone/../lib/", "/bin/../lib",
		"/bin/../bin/link", "/usr/bin/tool/../tool", "//usr//bin/./tool", "/bin/elsewhere/../bin/tool", "/bin/elsewhere/../tool", "/bin/..", "/bin/.", "/dangling/../usr/bin/tool", "/usr/no/such/tool", "/etc//one.conf",
	} {
		paths = append(paths, o.root+p)
	}
	l := mustRead(t, db.dir)
	requireOwnersEqual(t, o, l, append(paths, "/etc/passwd", "", "nothing-here"))
	// If a process has entered its working directory through a link, PWD differs from the kernel's path of that
	// directory.
	t.Chdir(filepath.Join(o.root, "bin"))
	requireOwnersEqual(t, o, l, []string{"tool", "./tool", ".", "..", "../bin/tool", "../../bin", "link/", "gone", "elsewhere/../bin/tool"})

	require.NoError(t, os.Remove(filepath.Join(db.dir, "local/four-1-1/files")))
	p, err := ResolveOwned(o.root, o.root+"/usr/bin/gone")
	require.NoError(t, err)
	require.False(t, p.Exists)
	owners, unread, err := l.Owners(t.Context(), db.dir, []ResolvedPath{p, p})
	require.NoError(t, err)
	require.Equal(t, 1, unread)
	require.Equal(t, []string{"two"}, names(owners[1]))
	require.Equal(t, owners[0], owners[1])
}

func TestFilesSection(t *testing.T) {
	for data, want := range map[string]string{
		"":                                  "",
		"%FILES%\n":                         "",
		"%FILES%\n\n%BACKUP%\na\tb\n":       "",
		"%FILES%\nusr/\n\n":                 "usr/\n",
		"%FILES%\nusr/":                     "usr/",
		"%BACKUP%\na\tb\n\n%FILES%\nusr/\n": "usr/\n",
		"%FILES%\na\n\n%FILES%\nb\n\n":      "b\n",
		"x%FILES%\na\n\n":                   "",
		"%FILES%\nx%FILES%\nb\n":            "x%FILES%\nb\n",
	} {
		require.Equal(t, want, string(filesSection([]byte(data))), data)
	}
}

func FuzzFilesSection(f *testing.F) {
	f.Add([]byte("%FILES%\nusr/\nusr/bin/\n\n%BACKUP%\na\tb\n\n"))
	f.Add([]byte("%FILES%\n%FILES%\n%FILES%\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		section := filesSection(data)
		require.NotContains(t, string(section), "\n\n")
		require.LessOrEqual(t, len(section), max(0, len(data)-len("%FILES%\n")))
		owned := []bool{false}
		markOwned(data, map[string][]int{"": {0}}, owned)
		require.False(t, owned[0])
	})
}

func TestScript_EqualsPacman(t *testing.T) {
	db := newTestDB(t)
	for _, name := range []string{"dir", "empty", "missing", "none", "other", "whole"} {
		db.install(name, "1-1")
		if name != "none" {
			require.NoError(t, os.WriteFile(filepath.Join(db.dir, "local", name+"-1-1", "install"), nil, 0o644))
		}
		desc := filepath.Join(db.dir, "local", name+"-1-1", "desc")
		switch name {
		case "dir":
			require.NoError(t, os.Remove(desc))
			require.NoError(t, os.Mkdir(desc, 0o755))
		case "empty":
			require.NoError(t, os.Truncate(desc, 0))
		case "missing":
			require.NoError(t, os.Remove(desc))
		case "other":
			require.NoError(t, os.WriteFile(desc, []byte("%NAME%\nx\n\n%VERSION%\n2-1\n\n"), 0o644))
		}
	}
	shown := map[bool]string{false: "No", true: "Yes"}
	var got []string
	for _, p := range mustRead(t, db.dir).Packages {
		got = append(got, p.Name+" "+shown[p.HasScript(db.dir)])
	}
	fields := regexp.MustCompile(`(?m)^(?:Name|Install Script) +: (.*)$`).FindAllStringSubmatch(newOracle(t, db.dir).run("-Qi"), -1)
	var want []string
	for pair := range slices.Chunk(fields, 2) {
		want = append(want, pair[0][1]+" "+pair[1][1])
	}
	require.Equal(t, want, got)
}

// TestPackageScript checks that only a regular file of a limited size is read.
func TestPackageScript(t *testing.T) {
	dir := t.TempDir()
	p := &Installed{Package: wire.Package{Name: "a", Version: "1-1"}}
	path := filepath.Join(dir, "local", "a-1-1", "install")
	script, err := PackageScript(dir, p, 10)
	require.NoError(t, err)
	require.Nil(t, script, "no scriptlet")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte("0123456789"), 0o644))
	script, err = PackageScript(dir, p, 10)
	require.NoError(t, err)
	require.Equal(t, "0123456789", string(script))
	_, err = PackageScript(dir, p, 9)
	require.ErrorIs(t, err, errLarge)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Symlink("/dev/zero", path))
	_, err = PackageScript(dir, p, 10)
	require.ErrorIs(t, err, sourcefile.ErrNotRegular)
	require.NoError(t, os.Remove(path))
	require.NoError(t, unix.Mkfifo(path, 0o600))
	_, err = PackageScript(dir, p, 10)
	require.ErrorIs(t, err, sourcefile.ErrNotRegular)
	_, err = PackageScript(dir, &Installed{Package: wire.Package{Name: "../a", Version: "1-1"}}, 10)
	require.Error(t, err)
}
