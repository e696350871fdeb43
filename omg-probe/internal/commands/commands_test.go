package commands

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sectionfile"
)

// TestMain sets a umask with which the tests' indexes are trusted.
func TestMain(m *testing.M) {
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

// asOf is the time of the databases of the tests' indexes.
var asOf = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// index describes an index: each line of files is a package and the path of a command.
type index struct {
	repository string
	asOf       time.Time
	version    uint32
	files      string
}

func (x index) write(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	var b commandindex.Builder
	for line := range strings.Lines(x.files) {
		pkg, file, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " /")
		require.True(t, ok, "%q", line)
		at := strings.LastIndexByte(file, '/') + 1
		dir, ok := commandindex.Dir(file[:at])
		require.True(t, ok, "%q", line)
		require.NoError(t, b.Add(pkg, dir, file[at:]))
	}
	if x.asOf.IsZero() {
		x.asOf = asOf
	}
	info, err := (&commandindex.Info{Repository: x.repository, AsOf: x.asOf.Unix()}).Marshal()
	require.NoError(t, err)
	format := sectionfile.Format{Magic: commandindex.Magic, Version: commandindex.Version + x.version, Sections: []string{commandindex.InfoSection, commandindex.CommandsSection}}
	require.NoError(t, format.WriteFile(path, func(out *sectionfile.Writer) error {
		out.WriteSection(commandindex.InfoSection, info)
		out.WriteSection(commandindex.CommandsSection, b.Marshal())
		return out.Err()
	}))
}

// newFinder returns a Finder for this user, with the files of all users in an empty directory.
func newFinder(t *testing.T) Finder {
	t.Helper()
	root := t.TempDir()
	return Finder{Env: paths.Env{Root: root, UID: os.Getuid()}, DataDirs: []string{filepath.Join(root, "user"), filepath.Join(root, "system")}}
}

func (f Finder) indexPath(data int, repo string) string {
	return filepath.Join(f.DataDirs[data], "index", repo+indexSuffix)
}

// ask returns the text for a command that a user other than root gets, a day after asOf.
func (f Finder) ask(name string) string {
	a := f.Find(name)
	f.Env.UID = 1000
	return f.Text(name, a, "/usr/bin:/usr/local/bin", asOf.Add(24*time.Hour))
}

const extraFiles = `ripgrep /usr/bin/rg
fd /usr/bin/fd
gtk3 /usr/bin/gtk-launch
perl-tools /usr/bin/vendor_perl/prove6
nvi /usr/bin/vi
git /usr/bin/git
grip /usr/bin/grip
`

func TestFind(t *testing.T) {
	f := newFinder(t)
	require.Empty(t, f.ask("rg"), "there is no index")
	index{repository: "extra", files: extraFiles}.write(t, f.indexPath(1, "extra"))
	index{repository: "core", files: "vi /usr/bin/vi\nvi /usr/bin/view\ngrep /usr/bin/grep\n"}.write(t, f.indexPath(1, "core"))
	require.Equal(t, "rg is in:\n  extra/ripgrep  sudo pacman -S ripgrep\n", f.ask("rg"))
	require.Equal(t, "vi is in:\n  core/vi    sudo pacman -S vi\n  extra/nvi  sudo pacman -S nvi\n", f.ask("vi"))
	require.Equal(t, "rg is in:\n  extra/ripgrep  pacman -S ripgrep\n", Finder{Env: paths.Env{}}.Text("rg", f.Find("rg"), "", asOf), "root needs no sudo")
	require.Empty(t, f.ask("nothing-like-this"))
	require.Empty(t, f.ask("ripgrep"), "a package is not a command")
	require.Empty(t, f.ask(""))
	require.Empty(t, f.ask(strings.Repeat("x", 1<<20)))
}

func TestFind_Close(t *testing.T) {
	f := newFinder(t)
	index{repository: "extra", files: extraFiles}.write(t, f.indexPath(0, "extra"))
	index{repository: "core", files: "grep /usr/bin/grep\n"}.write(t, f.indexPath(0, "core"))
	require.Equal(t, "did you mean:\n  grep  core/grep  sudo pacman -S grep\n", f.ask("gerp"))
	require.Equal(t, "did you mean:\n  grep  core/grep   sudo pacman -S grep\n  grip  extra/grip  sudo pacman -S grip\n", f.ask("grap"))
	require.Equal(t, "did you mean:\n  rg  extra/ripgrep  sudo pacman -S ripgrep\n", f.ask("RG"))
	// A command that is there has no package to install, and is named before others that are equally close.
	f.addProgram(t, "/usr/bin/grip")
	require.Equal(t, "did you mean:\n  grip  installed\n  grep  core/grep  sudo pacman -S grep\n", f.ask("grap"))
}

func (f Finder) addProgram(t *testing.T, path string) {
	t.Helper()
	path = filepath.Join(f.Env.Root, path)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, nil, 0o755))
}

func TestFind_Installed(t *testing.T) {
	f := newFinder(t)
	index{repository: "extra", files: extraFiles}.write(t, f.indexPath(0, "extra"))
	require.Contains(t, f.ask("prove6"), "sudo pacman -S perl-tools")
	f.addProgram(t, "/usr/bin/vendor_perl/prove6")
	require.Equal(t, "prove6 is installed: /usr/bin/vendor_perl/prove6, but /usr/bin/vendor_perl is not in PATH\n", f.ask("prove6"))
	f.addProgram(t, "/usr/bin/rg")
	require.Equal(t, "rg is installed: /usr/bin/rg\n", f.ask("rg"))
	require.NoError(t, os.Chmod(filepath.Join(f.Env.Root, "usr/bin/rg"), 0o644))
	require.Contains(t, f.ask("rg"), "sudo pacman -S ripgrep")
}

func TestFind_Order(t *testing.T) {
	f := newFinder(t)
	for _, repo := range []string{"a-repo", "core", "extra", "multilib", "own"} {
		index{repository: repo, files: "in-" + repo + " /usr/bin/tool\nin-all /usr/bin/tool\n"}.write(t, f.indexPath(0, repo))
	}
	require.Equal(t, []string{"core", "extra", "multilib", "a-repo", "own"}, f.repositoriesOf("tool"))
	conf := filepath.Join(f.Env.Root, "etc/pacman.conf")
	require.NoError(t, os.MkdirAll(filepath.Dir(conf), 0o755))
	require.NoError(t, os.WriteFile(conf, []byte("[options]\nArchitecture = auto\n#[a-repo]\n [own] \nServer = file:///x\n[extra]\n[core]\n[multilib]\n"), 0o644))
	require.Equal(t, []string{"own", "extra", "core", "multilib", "a-repo"}, f.repositoriesOf("tool"))
	require.Equal(t, Owner{Repository: "own", Package: "in-all", Path: "/usr/bin/tool"}, f.Find("tool").Owners[0], "only the first of the same package")
	require.NoError(t, os.Remove(conf))
	require.NoError(t, syscall.Mkfifo(conf, 0o644))
	require.Equal(t, []string{"core", "extra", "multilib", "a-repo", "own"}, f.repositoriesOf("tool"), "a FIFO does not block")
}

// repositoriesOf returns the repositories of the packages that bring a command.
func (f Finder) repositoriesOf(name string) (repos []string) {
	for _, o := range f.Find(name).Owners {
		if o.Package != "in-all" {
			repos = append(repos, o.Repository)
		}
	}
	return repos
}

// TestFind_Directories checks which indexes are used: those of the first data directory that has any and, of a repository with
// two, the newer one.
func TestFind_Directories(t *testing.T) {
	f := newFinder(t)
	index{repository: "extra", files: "system /usr/bin/tool\n"}.write(t, f.indexPath(1, "extra"))
	require.Contains(t, f.ask("tool"), "extra/system")
	own := f.indexPath(0, "extra")
	downloaded := filepath.Join(f.DataDirs[0], "files", "extra"+indexSuffix)
	index{repository: "extra", files: "own /usr/bin/tool\n"}.write(t, own)
	index{repository: "extra", files: "newer /usr/bin/tool\n", asOf: asOf.Add(time.Hour)}.write(t, downloaded)
	require.Equal(t, "tool is in:\n  extra/newer  sudo pacman -S newer\n", f.ask("tool"))
	index{repository: "extra", files: "newest /usr/bin/tool\n", asOf: asOf.Add(2 * time.Hour)}.write(t, own)
	require.Equal(t, "tool is in:\n  extra/newest  sudo pacman -S newest\n", f.ask("tool"))
	require.NoError(t, os.WriteFile(own, []byte("damaged"), 0o644))
	require.Equal(t, "tool is in:\n  extra/newer  sudo pacman -S newer\n", f.ask("tool"))
}

// TestFind_Unusable checks that an index that must not be used is left out, and that nothing else happens.
func TestFind_Unusable(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"empty":      func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
		"truncated":  func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 200)) },
		"with holes": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 1<<32)) },
		"other version": func(t *testing.T, path string) {
			index{repository: "extra", files: extraFiles, version: 1}.write(t, path)
		},
		"others can write": func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o666)) },
		"changed": func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			b[len(b)-3] ^= 1
			require.NoError(t, os.WriteFile(path, b, 0o644))
		},
		"FIFO": func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, syscall.Mkfifo(path, 0o644))
		},
		"directory": func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o755))
		},
		"unfinished": func(t *testing.T, path string) {
			require.NoError(t, os.Rename(path, filepath.Join(filepath.Dir(path), ".extra"+indexSuffix)))
		},
		"name of the repository": func(t *testing.T, path string) { index{repository: "e\x1b[31m", files: extraFiles}.write(t, path) },
		"name of the package": func(t *testing.T, path string) {
			index{repository: "extra", files: "$(x) /usr/bin/rg\n"}.write(t, path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFinder(t)
			index{repository: "extra", files: "ripgrep /usr/bin/rg\n"}.write(t, f.indexPath(0, "extra"))
			require.NotEmpty(t, f.ask("rg"))
			spoil(t, f.indexPath(0, "extra"))
			require.Empty(t, f.ask("rg"))
			index{repository: "core", files: "other /usr/bin/rg\n"}.write(t, f.indexPath(0, "core"))
			require.Equal(t, "rg is in:\n  core/other  sudo pacman -S other\n", f.ask("rg"), "the other index")
		})
	}
}

func TestFind_AnotherOwner(t *testing.T) {
	f := newFinder(t)
	index{repository: "extra", files: extraFiles}.write(t, f.indexPath(0, "extra"))
	f.Env.UID++
	if os.Getuid() == 0 { // every user trusts root
		require.NotEmpty(t, f.Find("rg").Owners)
		require.NoError(t, os.Chown(f.indexPath(0, "extra"), 65533, 65533))
	}
	require.Empty(t, f.Find("rg").Owners)
}

// TestFind_HostileNames checks that names with special characters are neither looked for nor printed.
func TestFind_HostileNames(t *testing.T) {
	f := newFinder(t)
	hostile := []string{"a b", "-rf", ":rg", "rg;x", "$(rg)", "r\x1b[31mg", "r\u202eg", "r\xffg", "r\ng", "'rg'", "~rg", "r/g", ".", "..", "r\x00g", "!rg", "r*g"}
	files := "ripgrep /usr/bin/ok-1\n"
	for _, name := range hostile {
		if !strings.ContainsAny(name, "/\n") {
			files += "bad /usr/bin/" + name + "\nbad /usr/bin/" + name + "aaaa\n"
		}
	}
	index{repository: "extra", files: files}.write(t, f.indexPath(0, "extra"))
	require.NotEmpty(t, f.ask("ok-1"))
	for _, name := range hostile {
		require.Empty(t, f.ask(name), "%q", name)
	}
	for _, near := range []string{"rgaaaa", "rxgaaaa", "a-baaaa", "rfaaaa"} {
		require.Empty(t, f.ask(near), "%q", near)
	}
}

func TestFind_Limits(t *testing.T) {
	f := newFinder(t)
	var files strings.Builder
	for i := range 2000 {
		files.WriteString("pkg" + strings.Repeat("x", i%200) + string(rune('a'+i%26)) + " /usr/bin/tool\n")
		files.WriteString("other /usr/bin/command" + string(rune('a'+i%26)) + "\n")
	}
	index{repository: "extra", files: files.String()}.write(t, f.indexPath(0, "extra"))
	a := f.Find("tool")
	require.Len(t, a.Owners, maxOwners)
	require.Len(t, f.Find("command").Close, maxClose)
}

func TestText_Old(t *testing.T) {
	f := newFinder(t)
	index{repository: "extra", files: extraFiles}.write(t, f.indexPath(0, "extra"))
	a := f.Find("rg")
	require.NotContains(t, f.Text("rg", a, "", asOf.Add(30*24*time.Hour)), "from")
	require.Contains(t, f.Text("rg", a, "", asOf.Add(31*24*time.Hour)), "\nThe lists of files are from 2026-03-01.\n")
	require.Empty(t, f.Text("rg", Answer{}, "", asOf.Add(31*24*time.Hour)))
}
