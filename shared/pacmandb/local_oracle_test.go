package pacmandb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// oracle runs the real pacman on a database directory, to compare results with.
type oracle struct {
	t    testing.TB
	db   string
	root string
	// options are further lines of the section [options].
	options []string
	repos   []oracleRepo
}

type oracleRepo struct {
	name  string
	usage []string // the values of Usage; empty means pacman's default, All
}

func newOracle(t testing.TB, db string, repos ...string) *oracle {
	need.Program(t, "pacman")
	if os.Geteuid() != 0 {
		need.Program(t, "fakeroot")
	}
	o := &oracle{t: t, db: db, root: t.TempDir()}
	for _, r := range repos {
		o.repos = append(o.repos, oracleRepo{name: r})
	}
	return o
}

// since reports whether the installed pacman has at least this version.
func (o *oracle) since(major, minor int) bool {
	o.t.Helper()
	out, err := exec.Command("pacman", "--version").Output()
	require.NoError(o.t, err)
	var m, n int
	_, version, _ := strings.Cut(string(out), "Pacman v")
	_, err = fmt.Sscanf(version, "%d.%d", &m, &n)
	require.NoError(o.t, err, string(out))
	return m > major || m == major && n >= minor
}

// forTest returns an oracle for another test that uses the same databases.
func (o *oracle) forTest(t testing.TB) *oracle {
	other := *o
	other.t, other.root = t, t.TempDir()
	return &other
}

// run runs pacman and returns its standard output.
func (o *oracle) run(args ...string) string {
	o.t.Helper()
	out, _ := o.try(args...)
	return out
}

func (o *oracle) writeConfig() (file string) {
	o.t.Helper()
	var conf strings.Builder
	fmt.Fprintf(&conf, "[options]\nArchitecture = x86_64\nSigLevel = Never\n%s\n", strings.Join(o.options, "\n"))
	own := o.t.TempDir() // pacman must not touch the machine's files
	fmt.Fprintf(&conf, "CacheDir = %[1]s/cache\nLogFile = %[1]s/log\nHookDir = %[1]s/hooks\nGPGDir = %[1]s/gpg\n", own)
	for _, r := range o.repos {
		fmt.Fprintf(&conf, "[%s]\nServer = file:///nowhere\n", r.name)
		if len(r.usage) > 0 {
			fmt.Fprintf(&conf, "Usage = %s\n", strings.Join(r.usage, " "))
		}
	}
	file = filepath.Join(own, "pacman.conf")
	require.NoError(o.t, os.WriteFile(file, []byte(conf.String()), 0o644))
	return file
}

func (o *oracle) try(args ...string) (stdout, stderr string) {
	o.t.Helper()
	args = append([]string{"pacman", "--config", o.writeConfig(), "-b", o.db, "-r", o.root}, args...)
	if os.Geteuid() != 0 && (slices.Contains(args, "-Su") || slices.Contains(args, "-D")) {
		args = append([]string{"fakeroot"}, args...) // pacman -Su and -D require root
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	cmd.Stdin = strings.NewReader(strings.Repeat("y\n", 50))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		require.NoError(o.t, err)
	}
	return out.String(), errs.String()
}

func (o *oracle) lines(args ...string) []string {
	o.t.Helper()
	return strings.Split(strings.TrimSuffix(o.run(args...), "\n"), "\n")
}

// facts reads the sync databases with ReadSync and returns facts about the packages in the local database l.
func (o *oracle) facts(l *Local) *facts {
	o.t.Helper()
	f := newFacts(l.Packages, len(o.repos))
	for i, r := range o.repos {
		read, err := ReadSync(context.Background(), filepath.Join(o.db, "sync", r.name+".db"), r.name, func(p *wire.Package) error {
			f.Add(i, p)
			return nil
		}, nil)
		require.NoError(o.t, err)
		require.Positive(o.t, read.PackageCount)
	}
	return f
}

// testDB builds a database directory from packages that are added one by one.
type testDB struct {
	t    testing.TB
	dir  string
	tars map[string]*bytes.Buffer
}

func newTestDB(t testing.TB) *testDB {
	db := &testDB{t: t, dir: t.TempDir(), tars: map[string]*bytes.Buffer{}}
	db.write("ALPM_DB_VERSION", "9\n")
	require.NoError(t, os.Mkdir(filepath.Join(db.dir, "sync"), 0o755))
	return db
}

// write writes a file at a path relative to local/.
func (db *testDB) write(path, text string) {
	path = filepath.Join(db.dir, "local", path)
	require.NoError(db.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(db.t, os.WriteFile(path, []byte(text), 0o644))
}

// fields returns a desc with NAME, VERSION and ARCH; the further arguments are pairs of a key and its value.
func fields(name, version string, more ...string) string {
	more = append([]string{"NAME", name, "VERSION", version, "ARCH", "any"}, more...)
	var b strings.Builder
	for i := 0; i+1 < len(more); i += 2 {
		fmt.Fprintf(&b, "%%%s%%\n%s\n\n", more[i], more[i+1])
	}
	return b.String()
}

// install adds an installed package with an empty file list.
func (db *testDB) install(name, version string, more ...string) {
	db.write(name+"-"+version+"/desc", fields(name, version, more...))
	db.write(name+"-"+version+"/files", "%FILES%\nusr/\n\n")
}

// publish adds a package to a repository. The method finish writes the repositories' databases.
func (db *testDB) publish(repo, name, version string, more ...string) {
	if db.tars[repo] == nil {
		db.tars[repo] = &bytes.Buffer{}
	}
	tw := tar.NewWriter(db.tars[repo])
	desc := fields(name, version, append([]string{"FILENAME", name + ".pkg.tar.zst"}, more...)...)
	entry := name + "-" + version
	require.NoError(db.t, tw.WriteHeader(&tar.Header{Name: entry + "/", Typeflag: tar.TypeDir, Mode: 0o755}))
	require.NoError(db.t, tw.WriteHeader(&tar.Header{Name: entry + "/desc", Mode: 0o644, Size: int64(len(desc))}))
	_, err := io.WriteString(tw, desc)
	require.NoError(db.t, err)
	require.NoError(db.t, tw.Flush())
}

func (db *testDB) finish() {
	for repo, data := range db.tars {
		var z bytes.Buffer
		zw := gzip.NewWriter(&z)
		_, err := zw.Write(append(data.Bytes(), make([]byte, 1024)...)) // the end mark of the archive
		require.NoError(db.t, err)
		require.NoError(db.t, zw.Close())
		require.NoError(db.t, os.WriteFile(filepath.Join(db.dir, "sync", repo+".db"), z.Bytes(), 0o644))
	}
}

func mustRead(t testing.TB, dbpath string) *Local {
	t.Helper()
	l, err := ReadLocal(context.Background(), dbpath)
	require.NoError(t, err)
	return l
}

func names(pkgs []*Installed) []string {
	out := []string{}
	for _, p := range pkgs {
		out = append(out, p.Name)
	}
	return out
}

// config reads the configuration of the oracle with ReadConfig.
func (o *oracle) config() *Config {
	o.t.Helper()
	c, err := ReadConfig(o.writeConfig())
	require.NoError(o.t, err)
	return c
}
