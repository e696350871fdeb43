package pacmandb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// fileListLines formats file lists like the output of pacman -Fl.
func fileListLines(lists []FileList) string {
	var out strings.Builder
	for _, l := range lists {
		for _, path := range l.Paths {
			fmt.Fprintf(&out, "%s %s\n", l.Name, path)
		}
	}
	return out.String()
}

// foundFiles formats file lists like the output of pacman -Fx for an expression that matches the last element of any path. Directories
// have no last element.
func foundFiles(lists []FileList) string {
	var out strings.Builder
	for _, l := range lists {
		title := "t/" + l.Name + " " + l.Version
		if len(l.Groups) > 0 {
			title += " (" + strings.Join(l.Groups, " ") + ")"
		}
		for _, path := range l.Paths {
			if strings.HasSuffix(path, "/") || !strings.Contains(path, "/") {
				continue
			}
			if title != "" {
				out.WriteString(title + "\n")
				title = ""
			}
			out.WriteString("    " + path + "\n")
		}
	}
	return out.String()
}

// readFileLists returns copies of all file lists of a database.
func readFileLists(t testing.TB, path string) (SyncFile, []FileList, error) {
	t.Helper()
	var all []FileList
	f, err := ReadSyncFiles(t.Context(), path, func(l *FileList) error {
		all = append(all, FileList{l.Name, l.Version, l.Groups, append([]string(nil), l.Paths...)})
		return nil
	})
	return f, all, err
}

// readFileListBytes reads a database from the bytes b, with the given limits.
func readFileListBytes(t testing.TB, b []byte, bounds filesLimits) (SyncFile, []FileList, error) {
	t.Helper()
	var out SyncFile
	var all []FileList
	r := newFileListReader(&out, bounds)
	err := r.read(t.Context(), bytes.NewReader(b))
	if err == nil {
		err = r.visitAll(t.Context(), func(l *FileList) error {
			all = append(all, FileList{l.Name, l.Version, l.Groups, append([]string(nil), l.Paths...)})
			return nil
		})
	}
	return out, all, err
}

// filesOracle returns a real pacman that reads the file t.files, and the path of this file.
func filesOracle(t testing.TB, content []byte) (o *oracle, path string) {
	t.Helper()
	db := newTestDB(t)
	path = filepath.Join(db.dir, "sync", "t.files")
	require.NoError(t, os.WriteFile(path, content, 0o644))
	return newOracle(t, db.dir, "t"), path
}

const bashFiles = "%FILES%\nusr/\nusr/bin/\nusr/bin/bash\n"

// oddFileLists are databases with unusual or damaged file lists.
var oddFileLists = map[string]struct {
	files []file
	// warnings are the expected warnings.
	warnings []string
	// refused means that pacman refuses the database and lists none of its files; want is what ReadSyncFiles passes on, in the form
	// of pacman -Fl.
	refused bool
	want    string
}{
	"desc and files":         {files: []file{{"a-1-1/", ""}, {"a-1-1/desc", desc("a", "1-1")}, {"a-1-1/files", bashFiles}}},
	"another architecture":   {files: []file{{"a-1-1/desc", desc("a", "1-1", "%ARCH%\nriscv64")}, {"a-1-1/files", bashFiles}}},
	"files before desc":      {files: []file{{"a-1-1/files", bashFiles}, {"a-1-1/desc", desc("a", "1-1")}}},
	"no desc":                {files: []file{{"a-1-1/files", bashFiles}}},
	"no files":               {files: []file{{"a-1-1/desc", desc("a", "1-1")}}},
	"another file only":      {files: []file{{"a-1-1/new", bashFiles}}},
	"an empty line at end":   {files: []file{{"a-1-1/files", bashFiles + "\n"}}},
	"an empty line between":  {files: []file{{"a-1-1/files", bashFiles + "\nopt/x\n"}}},
	"empty":                  {files: []file{{"a-1-1/files", ""}}},
	"an empty list":          {files: []file{{"a-1-1/files", "%FILES%\n"}}},
	"an empty list and more": {files: []file{{"a-1-1/files", "%FILES%\n\nusr/x\n"}}},
	"two lists":              {files: []file{{"a-1-1/files", bashFiles + "\n%FILES%\nopt/x\n"}}},
	"two lists, one empty":   {files: []file{{"a-1-1/files", bashFiles + "\n%FILES%\n"}}},
	"a key in a list":        {files: []file{{"a-1-1/files", bashFiles + "%FILES%\nopt/x\n"}}},
	"a list in desc":         {files: []file{{"a-1-1/desc", desc("a", "1-1") + bashFiles + "\n%DESC%\nx\n"}}},
	"a list in depends":      {files: []file{{"a-1-1/desc", desc("a", "1-1")}, {"a-1-1/depends", bashFiles}}},
	"a list in two files":    {files: []file{{"a-1-1/files", bashFiles}, {"a-1-1/desc", desc("a", "1-1") + "%FILES%\nopt/x\n"}}},
	"groups":                 {files: []file{{"a-1-1/desc", desc("a", "1-1", "%GROUPS%\ng\nh")}, {"a-1-1/files", bashFiles + "\n%GROUPS%\ni\n"}}},
	"a key as a value":       {files: []file{{"a-1-1/files", "%DESC%\n" + bashFiles}}},
	"other keys":             {files: []file{{"a-1-1/files", "%BACKUP%\netc/x\n\n% %\n" + bashFiles}}},
	"not sorted":             {files: []file{{"a-1-1/files", "%FILES%\nz\nb\nB\nb\nb/\n\xff\x80\n\u00e9\na\n"}}},
	"paths outside":          {files: []file{{"a-1-1/files", "%FILES%\n/usr/bin/x\n../x\nusr/../x\n./x\nusr//x\n/\n"}}},
	"spaces":                 {files: []file{{"a-1-1/files", "%FILES%\n usr/x \n\t\nusr/\x1b[1m\n\r\n"}}},
	"carriage returns":       {files: []file{{"a-1-1/files", strings.ReplaceAll(bashFiles, "\n", "\r\n")}}},
	"a zero byte":            {files: []file{{"a-1-1/files", "%FILES%\nusr/a\x00b\nusr/c\n"}}},
	"a zero byte in front":   {files: []file{{"a-1-1/files", "%FILES%\nusr/a\n\x00b\nusr/c\n"}}},
	"a deeper file":          {files: []file{{"a-1-1/x/files", bashFiles}}},
	"a file again":           {files: []file{{"a-1-1/files", bashFiles}, {"b-1-1/files", bashFiles}, {"a-1-1/files", "%FILES%\nopt/x\n"}}},
	"names in pacman's order": {files: []file{
		{"a+-1-1/files", "%FILES%\nusr/a+\n"}, {"a-b-1-1/files", "%FILES%\nusr/a-b\n"}, {"a-1-1/files", "%FILES%\nusr/a\n"}, {"A-1-1/files", "%FILES%\nusr/A\n"},
	}},
	"two versions": {
		files:    []file{{"a-1-1/files", bashFiles}, {"a-2-1/files", "%FILES%\nopt/x\n"}},
		warnings: []string{`entry "a-2-1" has the same package name as "a-1-1", and its file list replaces the list of that package`},
	},
	"a long path": {files: []file{{"a-1-1/files", "%FILES%\nusr/" + strings.Repeat("x", 5000) + "\n"}}},
	"a too long path": {
		files:    []file{{"a-1-1/files", "%FILES%\nusr/" + strings.Repeat("x", MaxPathBytes) + "\n"}},
		warnings: []string{`entry "a-1-1" has a path of 524292 bytes, and at most 524288 are read: the package was left out`},
		refused:  true, want: "good usr/good\n",
	},
	"no new line at the end": {
		files:    []file{{"a-1-1/files", strings.TrimSuffix(bashFiles, "\n")}},
		warnings: []string{`entry "a-1-1" has a files that ends too early, so that paths may be missing`},
		refused:  true, want: "a usr/\na usr/bin/\na usr/bin/bash\ngood usr/good\n",
	},
	"only the key": {
		files:    []file{{"a-1-1/files", "%FILES%"}},
		warnings: []string{`entry "a-1-1" has a files that ends too early, so that paths may be missing`},
		refused:  true, want: "good usr/good\n",
	},
	"a name without version": {
		files:    []file{{"a/files", bashFiles}},
		warnings: []string{`entry "a" is not named name-version-release and was left out`},
		refused:  true, want: "good usr/good\n",
	},
	"a slash before": {
		files:    []file{{"/a-1-1/files", bashFiles}},
		warnings: []string{`"/a-1-1/files" is not in a directory and was left out`},
		refused:  true, want: "good usr/good\n",
	},
	"no directory": {
		files:    []file{{"files", bashFiles}},
		warnings: []string{`"files" is not in a directory and was left out`},
		refused:  true, want: "good usr/good\n",
	},
}

// goodFiles returns the files of a package without any problem. Each test adds it after the odd entries.
func goodFiles() []file {
	return []file{{"good-1-1/desc", desc("good", "1-1")}, {"good-1-1/files", "%FILES%\nusr/good\n"}}
}

// TestReadSyncFiles_OddDatabases compares odd file lists with those that pacman shows. If pacman refuses a whole database because of
// one entry, ReadSyncFiles leaves out that entry, or a part of it, with a warning.
func TestReadSyncFiles_OddDatabases(t *testing.T) {
	for name, one := range oddFileLists {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, path := filesOracle(t, gzipped(t, archive(t, append(slices.Clone(one.files), goodFiles()...)...)))
			f, got, err := readFileLists(t, path)
			require.NoError(t, err)
			require.Equal(t, one.warnings, f.Warnings)
			require.Equal(t, len(got), f.PackageCount)
			if !one.refused {
				require.Zero(t, f.LeftOutCount)
				require.Equal(t, o.run("-Fl"), fileListLines(got))
				require.Equal(t, o.run("-Fx", "."), foundFiles(got))
				return
			}
			require.Equal(t, 1, f.LeftOutCount)
			require.Equal(t, f.Warnings[0], f.FirstLeftOutReason)
			require.Equal(t, one.want, fileListLines(got))
			list, complaint := o.try("-Fl")
			require.Empty(t, list)
			require.Contains(t, complaint, "error:")
		})
	}
}

// randomFileLists returns the files of many packages, whose directories are scattered over the archive.
func randomFileLists(dice *rand.Rand) (files []file) {
	for i := range 300 {
		name := fmt.Sprintf("p%d%s", dice.IntN(40), []string{"", "-x", "+", ".y", "_z", "-1"}[dice.IntN(6)])
		dir := fmt.Sprintf("%s-%d-1", name, dice.IntN(2))
		var paths []string
		for range dice.IntN(30) {
			paths = append(paths, fmt.Sprintf("usr/share/%d/%x\n", dice.IntN(5), dice.IntN(1000)))
		}
		if dice.IntN(4) > 0 {
			slices.Sort(paths)
		}
		text := desc(name, fmt.Sprint(i))
		if dice.IntN(20) == 0 {
			text += "%FILES%\n" + strings.Join(paths, "")
		}
		files = append(files, file{dir + "/desc", text})
		if dice.IntN(10) > 0 {
			files = append(files, file{dir + "/files", "%FILES%\n" + strings.Join(paths, "")})
		}
	}
	dice.Shuffle(len(files), func(i, k int) { files[i], files[k] = files[k], files[i] })
	return files
}

func TestReadSyncFiles_RandomOrder(t *testing.T) {
	for seed := range uint64(5) {
		o, path := filesOracle(t, gzipped(t, archive(t, randomFileLists(rand.New(rand.NewPCG(seed, 1)))...)))
		_, got, err := readFileLists(t, path)
		require.NoError(t, err)
		require.Greater(t, len(got), 100)
		var want strings.Builder
		for _, l := range got {
			for _, p := range l.Paths {
				fmt.Fprintf(&want, "t\x00%s\x00%s\x00%s\n", l.Name, l.Version, p)
			}
		}
		require.Equal(t, want.String(), o.run("-Fx", "--machinereadable", "^usr/"))
		require.Equal(t, fileListLines(got), o.run("-Fl"))
	}
}

// runRepoAdd adds packages to a database in a locale in which bsdtar, which lists the files, does not escape names.
func runRepoAdd(database string, packages []string) (output []byte, err error) {
	cmd := exec.Command("repo-add", append([]string{"-q", database}, packages...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	return cmd.CombinedOutput()
}

// TestReadSyncFiles_RepoAdd compares the files of packages in a database that repo-add made.
func TestReadSyncFiles_RepoAdd(t *testing.T) {
	need.Program(t, "repo-add")
	need.Program(t, "bsdtar")
	for _, suffix := range []string{"gz", "zst", "xz", "bz2"} {
		t.Run(suffix, func(t *testing.T) {
			o, path := filesOracle(t, nil)
			build := t.TempDir()
			var packages []string
			for _, name := range []string{"tool", "tool-docs", "tool+", "empty"} {
				root := filepath.Join(build, name)
				require.NoError(t, os.MkdirAll(root, 0o755))
				info := fmt.Sprintf("pkgname = %s\npkgver = 1:2-3\narch = any\nsize = 1\n", name)
				require.NoError(t, os.WriteFile(filepath.Join(root, ".PKGINFO"), []byte(info), 0o644))
				entries := []string{".PKGINFO"}
				if name != "empty" {
					entries = append(entries, "usr")
					for _, p := range []string{"usr/bin/" + name, "usr/share/" + name + "/a b", "usr/share/" + name + "/\u00e9\u4e2d", "usr/lib/x.so.1"} {
						require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(p)), 0o755))
						require.NoError(t, os.WriteFile(filepath.Join(root, p), nil, 0o755))
					}
				}
				pkg := filepath.Join(build, name+"-1:2-3-any.pkg.tar.gz")
				out, err := exec.Command("bsdtar", append([]string{"-czf", pkg, "-C", root}, entries...)...).CombinedOutput()
				require.NoError(t, err, "%s", out)
				packages = append(packages, pkg)
			}
			out, err := runRepoAdd(filepath.Join(build, "t.db.tar."+suffix), packages)
			require.NoError(t, err, "%s", out)
			made, err := os.ReadFile(filepath.Join(build, "t.files.tar."+suffix))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, made, 0o644))
			f, got, err := readFileLists(t, path)
			require.NoError(t, err)
			require.Empty(t, f.Warnings)
			require.Len(t, got, 4)
			require.Equal(t, FileList{Name: "empty", Version: "1:2-3"}, got[0])
			require.Equal(t, o.run("-Fl"), fileListLines(got))
			require.Contains(t, fileListLines(got), "tool+ usr/share/tool+/\u00e9\u4e2d\n")
		})
	}
}

// TestReadSyncFiles_Compressions reads a database in every compression, cut off or damaged at any place.
func TestReadSyncFiles_Compressions(t *testing.T) {
	for kind, b := range compressions(t) {
		f, got, err := readFileLists(t, store(t, b))
		require.NoError(t, err, kind)
		require.Equal(t, []FileList{{Name: "first", Version: "1-1"}, {Name: "second", Version: "2.0-1"}}, got, kind)
		require.EqualValues(t, len(b), f.Stamp.Size)
	}
	b := archive(t, append([]file{{"a-1-1/files", bashFiles}}, goodFiles()...)...)
	_, want, err := readFileListBytes(t, b, syncFilesLimits)
	require.NoError(t, err)
	require.Len(t, want, 2)
	for kind, b := range map[string][]byte{"gzip": gzipped(t, b), "zstd": zstdOf(t, b), "xz": packedBy(t, b, "xz", "-c")} {
		for n := range len(b) {
			_, _, err := readFileListBytes(t, b[:n], syncFilesLimits)
			require.Error(t, err, "%s cut at %d of %d", kind, n, len(b))
			if kind == "zstd" { // written without a checksum
				continue
			}
			if _, got, err := readFileListBytes(t, flip(b, n), syncFilesLimits); err == nil {
				require.Equal(t, want, got, "%s changed at %d", kind, n)
			}
		}
	}
}

func TestReadSyncFiles_Limits(t *testing.T) {
	b := archive(t, append([]file{{"a-1-1/files", bashFiles}}, goodFiles()...)...)
	for text, change := range map[string]func(*filesLimits){
		"implausible size":      func(l *filesLimits) { l.bytes = 1000 },
		"more than 1 packages":  func(l *filesLimits) { l.packages = 1 },
		"more than 3 paths":     func(l *filesLimits) { l.paths = 3 },
		"more than 0 MiB":       func(l *filesLimits) { l.heldBytes = 300 },
		"its file lists need m": func(l *filesLimits) { l.heldBytes = 2*heldPackageBytes + 20 },
	} {
		bounds := syncFilesLimits
		change(&bounds)
		_, got, err := readFileListBytes(t, b, bounds)
		require.ErrorIs(t, err, sourcefile.ErrOversize, text)
		require.ErrorContains(t, err, text)
		require.Empty(t, got)
	}
	for warning, change := range map[string]func(*filesLimits){
		"3 paths, and at most 2 are read":            func(l *filesLimits) { l.packagePaths = 2 },
		"a path of 12 bytes, and at most 9 are read": func(l *filesLimits) { l.pathBytes = 9 },
		"a files of 35 bytes, and at most 34 are re": func(l *filesLimits) { l.desc = 34 },
	} {
		bounds := syncFilesLimits
		change(&bounds)
		f, got, err := readFileListBytes(t, b, bounds)
		require.NoError(t, err)
		require.Contains(t, f.FirstLeftOutReason, `entry "a-1-1" has `+warning)
		require.Equal(t, 1, f.LeftOutCount)
		require.Equal(t, []FileList{{Name: "good", Version: "1-1", Paths: []string{"usr/good"}}}, got)
	}
}

// TestReadSyncFiles_ManyPaths checks that a package with ten million paths is left out with one warning, and needs little memory.
func TestReadSyncFiles_ManyPaths(t *testing.T) {
	list := "%FILES%\n" + strings.Repeat("usr/share/a/file\n", 10_000_000)
	many := archive(t, append([]file{{"a-1-1/files", list}}, goodFiles()...)...)
	path := store(t, zstdOf(t, many))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, got, err := readFileLists(t, path)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Equal(t, []string{`entry "a-1-1" has a files of 170000008 bytes, and at most 67108864 are read: the package was left out`}, f.Warnings)
	require.Equal(t, "good usr/good\n", fileListLines(got))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
}

func TestReadSyncFiles_Errors(t *testing.T) {
	defer await.NoGoroutines(t)
	path := store(t, gzipped(t, archive(t, goodFiles()...)))
	enough := errors.New("enough")
	_, err := ReadSyncFiles(t.Context(), path, func(*FileList) error { return enough })
	require.Equal(t, enough, err)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	two := store(t, gzipped(t, archive(t, append([]file{{"a-1-1/files", bashFiles}}, goodFiles()...)...)))
	_, err = ReadSyncFiles(ctx, two, func(*FileList) error {
		calls++
		cancel()
		return nil
	})
	require.Equal(t, context.Canceled, err)
	require.Equal(t, 1, calls)
	_, err = ReadSyncFiles(ctx, two, func(*FileList) error { return enough })
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = readFileLists(t, path+".missing")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = readFileLists(t, store(t, []byte(strings.Repeat("not found\n", 1000))))
	require.ErrorIs(t, err, ErrNotDatabase)
}
