package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sources"
)

// System is a home directory with pacman databases and configuration, and the environment in which programs run there.
type System struct {
	T testing.TB
	// Home is the home and runtime directory. Its path is short, because the path of a socket has to be short, and
	// every user may enter it.
	Home string
	// DB is pacman's database directory, PacmanConf is the path of pacman.conf, and Data is omg's data directory.
	DB, PacmanConf, Data string
	// OmgConfig is omg's own configuration, an empty file.
	OmgConfig string
	// Env is the environment. If a variable is repeated, its last value is used.
	Env []string
	// Bin is the directory of the programs.
	Bin string
	// WorkDir is the working directory of programs.
	WorkDir string
	// UID is the user that runs the programs.
	UID int

	fixtureOptions fixture.Options // the databases to generate; none if the number of packages is 0
	useCorpus      bool
}

// Option changes a System before it is created.
type Option func(*System)

// WithGenerated generates the databases with these options. The default is 200 packages, 20 of them installed.
func WithGenerated(o fixture.Options) Option { return func(s *System) { s.fixtureOptions = o } }

// WithoutDatabases makes an empty database directory.
func WithoutDatabases() Option { return WithGenerated(fixture.Options{}) }

// WithCorpus uses the real databases. The test is skipped if they are missing.
func WithCorpus() Option { return func(s *System) { s.useCorpus = true } }

// WithEnv adds variables to the environment.
func WithEnv(variables ...string) Option {
	return func(s *System) { s.Env = append(s.Env, variables...) }
}

// WithTestClock uses programs that get the time from OMG_TEST_TIME (package clock).
func WithTestClock() Option { return func(s *System) { s.Bin = TestClockProgramsDir(s.T) } }

// WithPrivateHome makes the home directory, which is also XDG_RUNTIME_DIR, accessible only to its user. Otherwise fish does not use
// it, and leaves files in /tmp.
func WithPrivateHome() Option {
	return func(s *System) { require.NoError(s.T, os.Chmod(s.Home, 0o700)) }
}

// CorpusPacmanConf is a pacman.conf for the real databases.
const CorpusPacmanConf = `[options]
Architecture = x86_64
SigLevel = Never
[core]
Server = file:///nowhere
[extra]
Server = file:///nowhere
[multilib]
Server = file:///nowhere
`

// New creates a System, which is removed with its test.
func New(t testing.TB, options ...Option) *System {
	t.Helper()
	home := makeHome(t)
	t.Cleanup(func() { // A program that a test has killed can have children that still write for a moment.
		Await(t, func() bool { return os.RemoveAll(home) == nil }, "the removal of %s", home)
	})
	require.NoError(t, os.Chmod(home, 0o755))
	s := &System{
		T: t, Home: home, DB: filepath.Join(home, "db"), PacmanConf: filepath.Join(home, "pacman.conf"), Data: filepath.Join(home, "data"),
		OmgConfig: filepath.Join(home, configName), WorkDir: "/", UID: os.Getuid(), Env: ProgramEnv(home),
		fixtureOptions: fixture.Options{Packages: 200, Installed: 20, Seed: 1},
	}
	for _, option := range options {
		option(s)
	}
	if s.Bin == "" {
		s.Bin = ProgramsDir(t)
	}
	require.NoError(t, os.Mkdir(s.Data, 0o755))
	config := fixture.PacmanConfig
	switch {
	case s.useCorpus:
		s.DB, config = corpus.PrivateDBPath(t), CorpusPacmanConf
	case s.fixtureOptions.Packages == 0:
		require.NoError(t, os.Mkdir(s.DB, 0o755))
	default:
		require.NoError(t, fixture.WriteDatabases(s.DB, s.fixtureOptions))
	}
	WriteFile(t, s.PacmanConf, config)
	WriteFile(t, s.OmgConfig, "")
	// Without this file, the go command starts a process that may still write to the home directory after the test.
	WriteFile(t, filepath.Join(home, ".config/go/telemetry/mode"), "off")
	return s
}

// makeHome creates a home directory. All of them have names of the same length, so that lines with such a path are wrapped in the same way, and
// without letters, which could be a word that a test searches for.
func makeHome(t testing.TB) string {
	t.Helper()
	for {
		home := filepath.Join(os.TempDir(), fmt.Sprintf("omg-%06d", rand.Uint32N(1_000_000)))
		err := os.Mkdir(home, 0o700)
		if !errors.Is(err, fs.ErrExist) {
			require.NoError(t, err)
			return home
		}
	}
}

// configName is the file in OMG_CONFIG: with it, no program reads the machine's /etc/omg.
const configName = "omg.toml"

// ProgramEnv returns the environment of programs that run in a home directory. These programs use neither the network,
// nor a daemon or configuration of the machine, nor files of the user who runs the tests. Their time limits are so long
// that a busy machine does not reach them.
func ProgramEnv(home string) []string {
	return []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC", "XDG_RUNTIME_DIR=" + home,
		"OMG_SOCKET_PATH=" + filepath.Join(home, socketName), "OMG_CONFIG=" + filepath.Join(home, configName),
		"OMG_AUR_ENABLED=false", "OMG_TRACKER_ENABLED=false", "OMG_NEWS_ENABLED=false", "OMG_LIMITS_SHUTDOWN_TIMEOUT=2m",
	}
}

// ForSubtest returns the same system for a subtest. A failure of the system then fails the subtest.
func (s *System) ForSubtest(t testing.TB) *System {
	next := *s
	next.T = t
	return &next
}

// SecondSystem returns another system on the same databases, with its own home directory and pacman.conf.
func (s *System) SecondSystem(t testing.TB, conf string) *System {
	t.Helper()
	next := New(t, WithoutDatabases())
	WriteFile(t, next.PacmanConf, conf)
	next.DB, next.Bin, next.WorkDir, next.UID, next.Env = s.DB, s.Bin, s.WorkDir, s.UID, nil
	for _, variable := range s.Env {
		next.Env = append(next.Env, strings.ReplaceAll(variable, s.Home, next.Home))
	}
	return next
}

// WithEnv returns a copy of the system with additional environment variables.
func (s *System) WithEnv(variables ...string) *System {
	next := *s
	next.Env = slices.Concat(s.Env, variables)
	return &next
}

// AsUser returns a copy of the system for another user: the databases are the same, and the user's home and runtime
// directory is empty.
func (s *System) AsUser(uid int) *System {
	s.T.Helper()
	next := *s
	next.UID, next.Home = uid, filepath.Join(s.Home, fmt.Sprint("user-", uid))
	if _, err := os.Stat(next.Home); err != nil {
		require.NoError(s.T, os.Mkdir(next.Home, 0o700))
		if uid != os.Getuid() {
			require.NoError(s.T, os.Chown(next.Home, uid, uid))
		}
	}
	if !canEveryoneEnter(s.Bin) {
		next.Bin = s.Path("bin")
		if _, err := os.Stat(next.Bin); err != nil {
			CopyPrograms(s.T, next.Bin)
		}
	}
	next.Data = filepath.Join(next.Home, "data")
	next.Env = slices.Concat(s.Env, []string{"HOME=" + next.Home, "XDG_RUNTIME_DIR=" + next.Home, "OMG_SOCKET_PATH=" + next.Socket()})
	return &next
}

// canEveryoneEnter reports whether every user may enter a directory: root's home, where root may have cloned the project, is
// usually closed.
func canEveryoneEnter(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		fi, err := os.Stat(dir)
		if err != nil || fi.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// Path returns a path in the home directory.
func (s *System) Path(elements ...string) string {
	return filepath.Join(append([]string{s.Home}, elements...)...)
}

// SyncDBPath returns the path of a repository's database.
func (s *System) SyncDBPath(repo string) string { return filepath.Join(s.DB, "sync", repo+".db") }

// FilesDBPath returns the path of pacman's database with the lists of files of a repository.
func (s *System) FilesDBPath(repo string) string { return filepath.Join(s.DB, "sync", repo+".files") }

// Socket returns the path where omgd listens by default.
func (s *System) Socket() string { return s.Path(socketName) }

const socketName = "omg.sock"

// DatabaseFlags returns the flags for the databases and pacman.conf.
func (s *System) DatabaseFlags() []string {
	return []string{"--dbpath", s.DB, "--pacman-config", s.PacmanConf}
}

// PathFlags returns the flags for the databases and the data directory.
func (s *System) PathFlags() []string { return append(s.DatabaseFlags(), "--data-dir", s.Data) }

// Program returns the path of one of the programs.
func (s *System) Program(name string) string { return filepath.Join(s.Bin, name) }

// Command prepares a run of a program. If program contains no slash, it is the name of one of the project's programs,
// otherwise it is a path.
func (s *System) Command(program string, args ...string) *exec.Cmd {
	s.T.Helper()
	if !strings.Contains(program, "/") {
		program = s.Program(program)
	}
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir = s.Env, s.WorkDir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if s.UID != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(s.UID), Gid: uint32(s.UID)}
	}
	return cmd
}

// Run runs a program that Command prepares, and waits for its end.
func (s *System) Run(program string, args ...string) Result {
	s.T.Helper()
	return Run(s.T, s.Command(program, args...))
}

// RunTool runs another program, which is searched in PATH.
func (s *System) RunTool(name string, args ...string) Result {
	s.T.Helper()
	path, err := exec.LookPath(name)
	require.NoError(s.T, err)
	return s.Run(path, args...)
}

// Pacman runs the real pacman on the system's databases.
func (s *System) Pacman(args ...string) Result {
	s.T.Helper()
	return s.RunTool("pacman", slices.Concat([]string{"--config", s.PacmanConf, "-b", s.DB, "--color", "never"}, args)...)
}

// RunWithoutDaemon runs omg without a daemon.
func (s *System) RunWithoutDaemon(args ...string) Result {
	s.T.Helper()
	return s.Run("omg", slices.Concat([]string{"--no-daemon"}, s.PathFlags(), args)...)
}

// BuildIndexes builds an index of each database in the data directory with omg-index, which must succeed.
func (s *System) BuildIndexes(args ...string) Result {
	s.T.Helper()
	r := s.Run("omg-index", slices.Concat([]string{"build"}, s.PathFlags(), args)...)
	require.Zero(s.T, r.Code, r.Stderr)
	return r
}

// IndexDir returns the directory of the indexes in the data directory.
func (s *System) IndexDir() string { return paths.IndexDir(s.Data) }

// IndexPath returns the path of a repository's index in the data directory. If source is "aur", it returns the path of the
// AUR's index.
func (s *System) IndexPath(source string) string {
	return filepath.Join(s.IndexDir(), source+sources.IndexSuffix)
}
