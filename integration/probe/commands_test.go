package probe

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/sources"
)

// The names of the tests' commands begin with omgt, so that no machine has them.
const (
	found    = "  extra/omgt-tools  sudo pacman -S omgt-tools"
	rootsOwn = "  extra/omgt-tools  pacman -S omgt-tools"
)

// writeFilesIndex writes the index of a repository with one package that has these files.
func writeFilesIndex(t testing.TB, path, repo, pkg string, files ...string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	b := filesindex.NewBuilder(repo, filesindex.BuildInfo{Builder: "test", AsOf: 1})
	require.NoError(t, b.Add(pkg, "1.0-1", files))
	require.NoError(t, b.WriteFile(path))
}

// newHomeWithCommands returns a system whose files index has some commands.
func newHomeWithCommands(t *testing.T) *harness.System {
	t.Helper()
	s := newHome(t)
	writeFilesIndex(t, filesIndexPath(s), "extra", "omgt-tools", "usr/bin/", "usr/bin/omgt-search", "usr/bin/omgt-%s$(x)", "usr/bin/omgt-tracer")
	return s
}

func filesIndexPath(s *harness.System) string {
	return filepath.Join(s.Home, ".local/share/omg/index", "extra.files"+sources.IndexSuffix)
}

// install returns the line that names the package of the tests' commands.
func install() string {
	if os.Getuid() == 0 {
		return rootsOwn
	}
	return found
}

// commandsCode writes the shell code for missing commands to a file, and returns its path.
func commandsCode(s *harness.System, shell string) string {
	s.T.Helper()
	r := s.Run("omg-probe", "init", shell, "--commands", "--deadline", "0")
	require.Zero(s.T, r.Code, r.Stderr)
	path := s.Path("commands-code")
	harness.WriteFile(s.T, path, r.Stdout)
	return path
}

// newCommandSession starts a shell on a terminal that reads the code for missing commands after the code in before. @CODE@ in
// before stands for the path of the code.
func newCommandSession(s *harness.System, n int, before string) *terminal {
	s.T.Helper()
	shell := shells[n]
	code := commandsCode(s, shell.name)
	harness.WriteFile(s.T, s.Path("rc"), shell.prompt+"\n"+strings.ReplaceAll(before, "@CODE@", code)+"\nsource "+code+"\n")
	harness.WriteFile(s.T, s.Path(".zshrc"), "source ~/rc\n")
	x := startTerminal(s, "dumb", need.Program(s.T, shell.name), shell.args...)
	x.await("READY> ")
	return x
}

// run types a line, and waits for texts, the end of the line's commands and the next prompt.
func (x *terminal) run(line string, texts ...string) {
	x.t.Helper()
	x.enter(line+"; echo do''ne", append(texts, "done", "READY> ")...)
}

func TestCommand(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHomeWithCommands(t)
			x := newCommandSession(s, n, "")
			x.run("omgt-search --flag", "command", "omgt-search is in:", install(), "The lists of files are from 1970-01-01.")
			x.run("omgt-search; echo ended=="+shell.status, "ended==127")
			x.run("omgt-serach", "did you mean:", "  omgt-search"+install())
			if shell.name != "fish" { // fish calls the function without the redirections of the command
				x.run("omgt-search 2>/dev/null")
				require.NotContains(t, x.since(), "is in:")
			}
			x.run("omgt-search | cat", "omgt-search is in:")
			or := " ||"
			if shell.name == "fish" {
				or = "; or"
			}
			x.run("omgt-search"+or+" echo fai''led", "omgt-search is in:", "failed")
			// A shell calls the function in functions and command substitutions, too. It writes nothing to the output.
			if shell.name == "fish" {
				x.run("function f; omgt-search; echo in==$status; end; f", "omgt-search is in:", "in==127")
				x.run("begin; omgt-search; end >out; echo size==(wc -c <out)==", "omgt-search is in:", "size==0==")
			} else {
				x.run("f() { omgt-search; echo in==$?; }; f", "omgt-search is in:", "in==127")
				x.run(`echo "output==$(omgt-search)=="`, "omgt-search is in:", "output====")
			}
		})
	}
}

// TestCommand_HostileNames checks that no name is run or shown as it is, and that the shell goes on.
func TestCommand_HostileNames(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHomeWithCommands(t)
			x := newCommandSession(s, n, "")
			for _, line := range []string{
				`'omgt search'`, `'omgt$(touch x)'`, "'omgt`touch x`'", `'omgt"quoted'`, `"omgt'quoted"`, `-rf`, `-h`, `--help`, `-`, `'omgt%s%n'`, `omgt\\x`, `'omgt;touch x'`,
				`omgt-grüße`, `!omgt`,
			} {
				x.run(line)
				require.NotContains(t, x.since(), "is in:", line)
				require.NotContains(t, x.since(), "Usage", line)
			}
			// The terminal would interpret characters that are typed, so printf writes them.
			for name, escaped := range map[string]string{"control": `a\033]0;owned\007b`, "C1": `a\302\233b`, "direction": `a\342\200\256b`, "bytes": `a\377b`} {
				if shell.name == "fish" && name != "control" {
					continue // fish's own function shows them
				}
				line := `"$(printf '` + escaped + `')"`
				if shell.name == "fish" {
					line = `set bad (printf '` + escaped + `'); $bad`
				}
				x.run(line)
				for _, raw := range []string{"\x1b]0;", "\u009b", "\u202e", "\xff"} {
					require.NotContains(t, x.since(), raw, name)
				}
			}
			long := `"$(printf '%01000000d' 1)" 2>&1 | wc -c`
			if shell.name == "fish" {
				long = `set long (printf '%0100000d' 1); $long` // fish shows the name
			}
			x.run(long)
			x.run("omgt-search", "omgt-search is in:", install())
			require.NoError(t, filepath.WalkDir(s.Home, func(path string, _ os.DirEntry, err error) error {
				require.NotEqual(t, "x", filepath.Base(path))
				return err
			}))
		})
	}
}

// TestCommand_NothingKnown checks that a shell shows nothing but its own message if there is no usable index, also if an omgd
// accepts connections and does not answer.
func TestCommand_NothingKnown(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHomeWithCommands(t)
			index := harness.ReadFile(t, filesIndexPath(s))
			hung := make(chan struct{})
			t.Cleanup(func() { close(hung) })
			harness.ServeUnix(t, s.Socket(), func(net.Conn) {
				t.Error("something has connected to omgd's socket")
				<-hung
			})
			x := newCommandSession(s, n, "")
			x.run("omgt-search", "omgt-search is in:")
			nothing := func(why string) {
				x.run("echo be''gin; omgt-search; echo ended=="+shell.status, "begin", "ended==127")
				_, lines, _ := strings.Cut(x.since(), "begin")
				lines, _, _ = strings.Cut(lines, "ended==")
				want := 2
				if shell.name == "fish" { // it also prints the line
					want = 3
				}
				require.Equal(t, want, strings.Count(lines, "\n"), "%s: only the message of the shell: %q", why, lines)
				require.Contains(t, lines, "ommand", why)
			}
			damaged := append([]byte{}, index...)
			damaged[len(damaged)/2] ^= 1
			for i := range 200 {
				damaged[64+i] ^= 1
			}
			harness.ReplaceFile(t, filesIndexPath(s), damaged)
			nothing("damaged")
			harness.ReplaceFile(t, filesIndexPath(s), index[:len(index)/2])
			nothing("truncated")
			harness.ReplaceFile(t, filesIndexPath(s), index)
			require.NoError(t, os.Chmod(filesIndexPath(s), 0o666))
			nothing("others can write it")
			require.NoError(t, os.Remove(filesIndexPath(s)))
			nothing("missing")
		})
	}
}

// TestCommand_IgnoredPipeSignal checks that a shell in which SIGPIPE is ignored shows no error if omg-probe ends before it has read the
// name, as it does at its deadline.
func TestCommand_IgnoredPipeSignal(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			before, use, end, times := "trap '' PIPE", "__omg_probe_packages=(", ")", "for i in {1..200}; do omgt-search; done"
			if shell.name == "fish" { // fish does not let a user ignore the signal
				before, use, end, times = "", "set __omg_probe_packages ", "", "for i in (seq 200); omgt-search; end"
			}
			s := newHomeWithCommands(t)
			ends := s.Path("ends")
			harness.WriteProgram(t, ends, "#!/bin/sh\n")
			x := newCommandSession(s, n, before)
			x.run(use + ends + end)
			x.run(times)
			require.NotContains(t, x.since(), "rite error")
		})
	}
}

// TestCommand_Scripts checks that a shell that is not interactive defines nothing.
func TestCommand_Scripts(t *testing.T) {
	t.Parallel()
	s := newHomeWithCommands(t)
	for _, shell := range shells {
		path, code := need.Program(t, shell.name), commandsCode(s, shell.name)
		without := s.Run(path, "-c", "omgt-search; echo ended="+shell.status)
		with := s.Run(path, "-c", "source "+code+"; omgt-search; echo ended="+shell.status)
		require.Contains(t, with.Stdout, "ended=127", shell.name)
		require.Equal(t, without.Stdout, with.Stdout, shell.name)
		require.NotContains(t, with.Stderr, "is in:", shell.name)
		require.NotContains(t, with.Stderr, "__omg", shell.name)
	}
}

// TestCommand_EarlierHandler checks that a function that was there before is called, and decides the exit status unless it is 127.
func TestCommand_EarlierHandler(t *testing.T) {
	for n, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newHomeWithCommands(t)
			name := map[string]string{"bash": "command_not_found_handle", "zsh": "command_not_found_handler", "fish": "fish_command_not_found"}[shell.name]
			earlier := "function " + name + " {\n\techo \"earlier: $*\"\n\t[[ $1 != omgt-known ]] || return 5\n\treturn 127\n}\n"
			// Another program could wrap the function, and then the file is read again.
			wrap := "eval \"wrapped_$(declare -f " + name + ")\"; " + name + "() { wrapped_" + name + " \"$@\"; }"
			switch shell.name {
			case "zsh":
				wrap = "functions[wrapped]=$functions[" + name + "]; " + name + "() { wrapped \"$@\" }"
			case "fish":
				earlier = "function " + name + "\n\techo earlier: $argv\nend\n"
				wrap = "functions -c " + name + " wrapped; function " + name + "; wrapped $argv; end"
			}
			x := newCommandSession(s, n, earlier+"source @CODE@")
			x.run("omgt-search 'a b'; echo ended=="+shell.status, "earlier: omgt-search a b", "omgt-search is in:", "ended==127")
			require.Equal(t, 1, strings.Count(x.since(), "earlier: "))
			require.NotContains(t, x.since(), "ommand", "the earlier function replaces the message")
			if shell.name != "fish" {
				x.run("omgt-known; echo ended==$?", "earlier: omgt-known", "ended==5")
				require.NotContains(t, x.since(), "did you mean")
			}
			x.run(wrap)
			for range 3 {
				x.run("source ~/commands-code")
				x.run("omgt-search; echo ended=="+shell.status, "omgt-search is in:", "ended==127")
				require.Equal(t, 1, strings.Count(x.since(), "earlier: "), x.since())
				require.Equal(t, 1, strings.Count(x.since(), "is in:"), x.since())
			}
		})
	}
}

// TestCommand_WithPrompt checks that the code for prompts and the code for commands work together, in any order.
func TestCommand_WithPrompt(t *testing.T) {
	for n, shell := range shells {
		for _, order := range []string{"prompt commands", "commands prompt"} {
			t.Run(shell.name+" "+order, func(t *testing.T) {
				t.Parallel()
				s := newHomeWithCommands(t)
				r := s.Run("omg-probe", "init", shell.name, "--deadline", "0", "--dbpath", s.DB, "node", "--format", "[{{.node}}]")
				require.Zero(t, r.Code, r.Stderr)
				harness.WriteFile(t, s.Path("prompt-code"), r.Stdout)
				before := "source ~/prompt-code"
				if order == "commands prompt" {
					before = "source @CODE@\n" + before
				}
				x := newCommandSession(s, n, before)
				x.enter("cd ~/twenty", "[20.1.0] READY> ")
				x.enter("omgt-search; echo ended=="+shell.status, "omgt-search is in:", "ended==127", "[20.1.0] READY> ")
			})
		}
	}
}

// TestCommand_Options checks that options of the user do not change what happens.
func TestCommand_Options(t *testing.T) {
	t.Parallel()
	s := newHomeWithCommands(t)
	for _, shell := range []struct {
		line    []string
		options []string
	}{
		{bash, []string{"set -u", "set -o pipefail", "set -o posix", "shopt -u expand_aliases", "set -uo pipefail; trap 'echo trapped' ERR", "printf() { echo own; }"}},
		{zsh, []string{"setopt nounset", "setopt ksharrays", "setopt shwordsplit", "setopt errreturn", "setopt pipefail", "setopt nounset ksharrays pipefail", "printf() { echo own }"}},
	} {
		path, code := need.Program(t, shell.line[0]), commandsCode(s, shell.line[0])
		for _, option := range shell.options {
			harness.WriteFile(t, s.Path("rc"), "PS1='READY> '\n"+option+"\nsource "+code+"\n")
			line := append([]string{}, shell.line[1:]...)
			x := startTerminal(s, "dumb", path, line...)
			x.run("source ~/rc")
			x.run("omgt-search || echo ended==$?", "omgt-search is in:", "ended==127")
		}
		// With errexit, the shell ends as it does without the function.
		harness.WriteFile(t, s.Path("rc"), "PS1='READY> '\nsource "+code+"\n")
		x := startTerminal(s, "dumb", path, shell.line[1:]...)
		x.run("source ~/rc")
		x.run("(set -e; omgt-search; echo not re''ached); echo ended==$?", "omgt-search is in:", "ended==127")
		require.NotContains(t, x.since(), "not reached")
	}
}

// TestCommand_ReadsFilesOnly checks that omg-probe command makes no connection, starts no process and writes no file, and that the
// name is in no arguments.
func TestCommand_ReadsFilesOnly(t *testing.T) {
	t.Parallel()
	s := newHomeWithCommands(t)
	calls, stdout := trace(s, "command", "--deadline", "0", "omgt-search")
	require.Contains(t, stdout, "omgt-search is in:")
	for _, c := range calls {
		switch c[0] {
		case "socket", "socketpair", "connect", "sendto", "sendmsg", "fork", "vfork", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat":
			t.Errorf("%s(%s", c[0], c[1])
		case "open", "openat":
			require.NotRegexp(t, `O_WRONLY|O_RDWR|O_CREAT`, c[1])
		case "flock":
			t.Errorf("waits for a lock: %s", c[1])
		}
	}
	for _, shell := range shells {
		cmd := exec.Command(need.Strace(t), append([]string{"-f", "-qq", "-e", "trace=execve", "-o", s.Path("execve"), need.Program(t, shell.name)}, shell.args...)...)
		code := commandsCode(s, shell.name)
		harness.WriteFile(t, s.Path("rc"), "source "+code+"\n")
		harness.WriteFile(t, s.Path(".zshrc"), "source ~/rc\n")
		x := startTerminal(s, "dumb", cmd.Path, cmd.Args[1:]...)
		x.enter("omgt-search", "omgt-search is in:")
		x.enter("exit", "")
		harness.Await(t, func() bool {
			_, err := x.tty.Write(nil)
			return err != nil || strings.Contains(string(harness.ReadFile(t, s.Path("execve"))), "omg-probe")
		}, "the shell has run omg-probe")
		log := string(harness.ReadFile(t, s.Path("execve")))
		require.Contains(t, log, `"command"`, shell.name)
		for line := range strings.Lines(log) {
			if strings.Contains(line, "omg-probe") {
				require.NotContains(t, line, "omgt-search", shell.name)
			}
		}
	}
}
