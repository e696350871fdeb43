package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/tools/txtar"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pidfile"
	"github.com/omg-arch/omg/shared/wire"
)

// RunScripts runs the txtar scripts of a directory. Each script covers one topic, such as searching. A script with a line
// that begins with "omgd" or "omg daemon" runs once, and so does a script that never runs omg. Any other script runs
// three times, once for each AnswerWay in which omg can get an answer, and omg's output must be the same each time.
//
// Commands besides testscript's own:
//
//	package REPO NAME VERSION [FIELD=VALUE,…]  adds a package to a repository
//	install NAME VERSION [FIELD=VALUE,…]       adds an installed package
//	generate PACKAGES INSTALLED [--files]      generates databases, with lists of files
//	corpus                                     uses the real databases
//	omg ARG…                                   runs omg, which must exit with 0
//	exits CODE PROGRAM ARG…                    the same with another exit code
//	fails CODE PROGRAM ARG…                    the same, and RequireError holds
//	exits or fails CODE exec PROGRAM ARG…      the same without added flags: omg must
//	                                           find databases and socket by itself
//	omg-index ARG…, omg-probe ARG…, omg-fleet ARG… run these programs
//	same PACMAN-ARG… -- OMG-ARG…               omg prints what pacman prints
//	await REGEXP PROGRAM ARG…                  repeats until the output matches
//	omgd [ARG…], omgd-stop                     start and stop omgd
//
// The daemon's socket is in $XDG_RUNTIME_DIR. testscript's own stop, which ends a script early, is refused: it is easily
// mistaken for omgd-stop.
//
// A pacman.conf among the script's files is used, otherwise one that has the repositories in the order in which they
// were named. $DB, $CONF and $DATA are the paths of a System; HOME is the script's directory.
//
// A package of tests can add commands of its own.
func RunScripts(t *testing.T, dir string, more ...Commands) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s (%v)", dir, err)
	}
	const once = "as it says"
	byWay := map[string][]string{}
	for _, file := range files {
		ways := []string{"daemon", "index", "databases"}
		text := txtar.Parse(ReadFile(t, file)).Comment
		if stopCommandPattern.Match(text) {
			t.Fatalf("%s: the command stop would end the script: to stop omgd, write omgd-stop", file)
		}
		if daemonCommandPattern.Match(text) || !omgLinePattern.Match(text) {
			ways = []string{once}
		}
		for _, way := range ways {
			byWay[way] = append(byWay[way], file)
		}
	}
	for _, way := range []string{"daemon", "index", "databases", once} {
		if len(byWay[way]) > 0 {
			t.Run(way, func(t *testing.T) { runScripts(t, byWay[way], way, more) })
		}
	}
}

var (
	daemonCommandPattern = regexp.MustCompile(`(?m)^(omgd|omg daemon)\b`)
	stopCommandPattern   = regexp.MustCompile(`(?m)^stop\b`)
	omgLinePattern       = regexp.MustCompile(`(?m)^!? *((exits|fails) [0-9]+ |await ('[^']*'|\S+) )?omg |^same `)
)

// Commands are further commands of scripts.
type Commands map[string]func(ts *testscript.TestScript, x *Script, args []string)

func runScripts(t *testing.T, files []string, way string, more []Commands) {
	cmds := map[string]func(*testscript.TestScript, bool, []string){
		"package": scriptCmdPackage, "install": scriptCmdInstall, "generate": scriptCmdGenerate, "corpus": scriptCmdCorpus,
		"omg": newScriptCmd("omg"), "omg-index": newScriptCmd("omg-index"), "omg-probe": newScriptCmd("omg-probe"), "omg-fleet": newScriptCmd("omg-fleet"),
		"exits": scriptCmdExits, "fails": scriptCmdFails, "same": scriptCmdSame, "await": scriptCmdAwait, "omgd": scriptCmdDaemon, "omgd-stop": scriptCmdStop,
	}
	for _, commands := range more {
		for name, run := range commands {
			cmds[name] = func(ts *testscript.TestScript, neg bool, args []string) {
				if neg {
					ts.Fatalf("%s cannot be negated", name)
				}
				run(ts, scriptOf(ts), args)
			}
		}
	}
	testscript.Run(t, testscript.Params{
		Files: files, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			x := &Script{System: New(env.T().(testing.TB), WithoutDatabases()), wayName: way}
			x.WorkDir = env.WorkDir
			env.Defer(x.endBackgroundDaemon)
			env.Values[scriptValueKey{}] = x
			env.Vars = append(env.Vars, x.Env...)
			env.Vars = append(env.Vars, "HOME="+env.WorkDir, "DB="+x.DB, "CONF="+x.PacmanConf, "DATA="+x.Data, "PATH="+x.Bin+":"+os.Getenv("PATH"))
			if config, err := os.ReadFile(filepath.Join(env.WorkDir, "pacman.conf")); err == nil {
				x.hasPacmanConf = true
				return os.WriteFile(x.PacmanConf, config, 0o644)
			}
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition == "root" {
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("no condition %q", condition)
		},
		Cmds: cmds,
	})
}

type scriptValueKey struct{}

// Script is the state of a running script.
type Script struct {
	*System
	wayName       string
	repos         []string                   // the repositories, in the order of pacman.conf
	entriesByRepo map[string][]DatabaseEntry // by repository
	hasPacmanConf bool
	Daemon        *Daemon  // nil if no daemon runs
	omgFlags      []string // omg's flags that select the way to its answer; nil until the way is prepared
	// State is the state of the commands that are not the harness's own.
	State any
}

// endBackgroundDaemon ends an omgd that a script has started in the background.
func (x *Script) endBackgroundDaemon() {
	if pid, err := pidfile.Read(x.Path("omgd.pid"), paths.ProcessEnv()); err == nil && x.Daemon == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func scriptOf(ts *testscript.TestScript) *Script { return ts.Value(scriptValueKey{}).(*Script) }

// parseFieldArgs parses FIELD=VALUE arguments; commas separate the values of a list.
func parseFieldArgs(ts *testscript.TestScript, args []string) (fields []string) {
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("not FIELD=VALUE: %s", arg)
		}
		fields = append(fields, strings.ToUpper(name), strings.ReplaceAll(value, ",", "\n"))
	}
	return fields
}

func scriptCmdPackage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: package REPO NAME VERSION [FIELD=VALUE,…]")
	}
	x, repo := scriptOf(ts), args[0]
	if !slices.Contains(x.repos, repo) {
		x.repos = append(x.repos, repo)
	}
	if x.entriesByRepo == nil {
		x.entriesByRepo = map[string][]DatabaseEntry{}
	}
	x.entriesByRepo[repo] = append(x.entriesByRepo[repo], NewPackageEntry(args[1], args[2], parseFieldArgs(ts, args[3:])...))
	ReplaceFile(x.T, x.SyncDBPath(repo), BuildDatabase(x.T, x.entriesByRepo[repo]...))
	if !x.hasPacmanConf {
		config := "[options]\nArchitecture = x86_64\nSigLevel = Never\n"
		for _, r := range x.repos {
			config += "[" + r + "]\nServer = file:///nowhere\n"
		}
		WriteFile(x.T, x.PacmanConf, config)
	}
	x.resetAfterDatabaseChange()
}

func scriptCmdInstall(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: install NAME VERSION [FIELD=VALUE,…]")
	}
	x := scriptOf(ts)
	x.Install(args[0], args[1], parseFieldArgs(ts, args[2:])...)
	x.resetAfterDatabaseChange()
}

func scriptCmdGenerate(ts *testscript.TestScript, neg bool, args []string) {
	withFiles := len(args) == 3 && args[2] == "--files"
	if neg || len(args) != 2 && !withFiles {
		ts.Fatalf("usage: generate PACKAGES INSTALLED [--files]")
	}
	x := scriptOf(ts)
	packages, err := strconv.Atoi(args[0])
	ts.Check(err)
	installed, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(fixture.WriteDatabases(x.DB, fixture.Options{Packages: packages, Installed: installed, Seed: 1, FileLists: withFiles}))
	if !x.hasPacmanConf {
		WriteFile(x.T, x.PacmanConf, fixture.PacmanConfig)
	}
	x.resetAfterDatabaseChange()
}

func scriptCmdCorpus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: corpus")
	}
	x := scriptOf(ts)
	x.DB = corpus.PrivateDBPath(x.T)
	ts.Setenv("DB", x.DB)
	if !x.hasPacmanConf {
		WriteFile(x.T, x.PacmanConf, CorpusPacmanConf)
	}
	x.resetAfterDatabaseChange()
}

// resetAfterDatabaseChange must be called after each change of the databases. It stops the script's daemon and forgets the flags of omg.
// The next call of prepareWay then starts a new daemon or builds a new index.
func (x *Script) resetAfterDatabaseChange() {
	if x.wayName == "as it says" {
		return
	}
	x.omgFlags = nil
	if x.Daemon != nil {
		x.Daemon.Stop()
		x.Daemon = nil
	}
}

// prepareWay returns omg's flags for the way.
func (x *Script) prepareWay() []string {
	if x.omgFlags != nil {
		return x.omgFlags
	}
	switch {
	case x.wayName == "daemon":
		x.Daemon = x.LaunchDaemon()
		x.Daemon.AwaitStatus(isRefreshed, "the first refresh")
		x.awaitFileLists()
		x.omgFlags = []string{"--socket", x.Daemon.Socket}
	case x.wayName == "index" && x.hasRepositories():
		x.BuildIndexes()
		if x.hasFileLists() {
			x.BuildIndexes("--files")
		}
		x.omgFlags = append([]string{"--no-daemon"}, x.PathFlags()...)
	case x.Daemon != nil:
		return []string{"--socket", x.Daemon.Socket}
	default:
		x.omgFlags = append([]string{"--no-daemon"}, x.PathFlags()...)
	}
	return x.omgFlags
}

// hasRepositories reports whether at least one repository has a database, so that an index can be built.
func (x *Script) hasRepositories() bool {
	databases, _ := filepath.Glob(x.SyncDBPath("*"))
	return len(databases) > 0
}

// hasFileLists reports whether at least one repository has a list of files.
func (x *Script) hasFileLists() bool {
	lists, _ := filepath.Glob(x.FilesDBPath("*"))
	return len(lists) > 0
}

// awaitFileLists waits until the daemon has indexed the lists of files, if there are any.
func (x *Script) awaitFileLists() {
	if x.hasFileLists() {
		x.Daemon.AwaitFileLists(func(*wire.Basis) bool { return true }, "an index")
	}
}

// run runs a program and returns its exit code. If the program is omg, run adds the flags that make omg answer in the
// script's way. If the program is "exec", run runs the program in the next argument instead, without added flags.
func (x *Script) run(ts *testscript.TestScript, program string, args ...string) int {
	switch {
	case program == "omg":
		args = slices.Concat(x.prepareWay(), args)
	case program == "exec" && len(args) > 0:
		program, args = args[0], args[1:]
	}
	err := ts.Exec(program, args...)
	var exited *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exited):
		return exited.ExitCode()
	}
	ts.Fatalf("%s: %v", program, err)
	return -1
}

func newScriptCmd(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if code := scriptOf(ts).run(ts, name, args...); (code == 0) == neg {
			ts.Fatalf("%s %q: exit code %d", name, args, code)
		}
	}
}

func scriptCmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG…")
	}
	if code := scriptOf(ts).run(ts, args[1], args[2:]...); strconv.Itoa(code) != args[0] {
		ts.Fatalf("%q: exit code %d, not %s", args[1:], code, args[0])
	}
}

func scriptCmdFails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE PROGRAM ARG…")
	}
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := scriptOf(ts).run(ts, args[1], args[2:]...)
	program := args[1]
	if program == "exec" {
		program = args[2]
	}
	RequireError(scriptOf(ts).T, Result{Stdout: ts.ReadFile("stdout"), Stderr: ts.ReadFile("stderr"), Code: got}, program, code)
}

func scriptCmdSame(ts *testscript.TestScript, neg bool, args []string) {
	i := slices.Index(args, "--")
	if neg || i < 1 || i == len(args)-1 {
		ts.Fatalf("usage: same PACMAN-ARG… -- OMG-ARG…")
	}
	x := scriptOf(ts)
	need.Program(x.T, "pacman")
	pacmanCode := x.run(ts, "pacman", slices.Concat([]string{"--config", x.PacmanConf, "-b", x.DB, "--color", "never"}, args[:i])...)
	want := ts.ReadFile("stdout")
	code := x.run(ts, "omg", args[i+1:]...)
	if got := ts.ReadFile("stdout"); got != want || (code == 0) != (pacmanCode == 0) {
		ts.Fatalf("pacman (exit code %d):\n%s\nomg (exit code %d):\n%s", pacmanCode, want, code, got)
	}
}

func scriptCmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await REGEXP PROGRAM ARG…")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	x := scriptOf(ts)
	Await(x.T, func() bool {
		x.run(ts, args[1], args[2:]...)
		return pattern.MatchString(ts.ReadFile("stdout") + ts.ReadFile("stderr"))
	}, "the program %q prints %s; it printed %s", args[1:], args[0], func() string { return ts.ReadFile("stdout") + ts.ReadFile("stderr") })
}

func scriptCmdDaemon(ts *testscript.TestScript, neg bool, args []string) {
	x := scriptOf(ts)
	if neg || x.Daemon != nil {
		ts.Fatalf("omgd is already running")
	}
	x.Daemon = x.LaunchDaemon(args...)
	x.Daemon.AwaitStatus(isRefreshed, "the first refresh")
	x.awaitFileLists()
	x.omgFlags = nil
}

func scriptCmdStop(ts *testscript.TestScript, neg bool, args []string) {
	x := scriptOf(ts)
	if neg || len(args) != 0 || x.Daemon == nil {
		ts.Fatalf("no omgd runs")
	}
	x.Daemon.Stop()
	x.Daemon, x.omgFlags = nil, nil
}
