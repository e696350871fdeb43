package manuals

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/need"
	env "github.com/omg-arch/omg/shared/paths"
)

var files struct {
	once sync.Once
	made map[string]string
	err  error
}

// generatedFiles returns the content of all generated files, by path.
func generatedFiles(t *testing.T) map[string]string {
	t.Helper()
	root, bin := harness.ProjectRoot(t), harness.ProgramsDir(t)
	files.once.Do(func() { files.made, files.err = Make(root, bin) })
	require.NoError(t, files.err)
	require.NotEmpty(t, files.made)
	return files.made
}

// TestSettings_AllDocumented compares the package's settings with the documents, without the code that generated them.
func TestSettings_AllDocumented(t *testing.T) {
	loaded := config.Loaded{Config: config.Default()}
	files := generatedFiles(t)
	markdown, manual := files["docs/config.md"], files["packaging/man/omg-config.5"]
	row := regexp.MustCompile("(?m)^\\| `([a-z_-]+)` \\| [A-Z].*[.] \\| [^|]+ \\| `[^`]+` \\| `(OMG_[A-Z_]+)` \\| (?:SIGHUP|restart) \\|$")
	documented := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(markdown, -1) {
		documented[m[2]] = true
	}
	require.NotEmpty(t, documented)
	for _, s := range loaded.Settings() {
		require.True(t, documented[s.Variable], "docs/config.md has no complete row for %s", s.Key)
		require.Contains(t, manual, ".Ev "+s.Variable+"\n")
		delete(documented, s.Variable)
	}
	require.Empty(t, documented, "rows without a setting")
}

// TestConfigFile_Defaults checks that the configuration file of the packages changes nothing, and that it sets each
// setting to its default if every setting in it is uncommented.
func TestConfigFile_Defaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	load := func(text string) *config.Loaded {
		harness.WriteFile(t, file, text)
		loaded, err := config.Load(env.Env{Getenv: func(name string) string { return map[string]string{"OMG_CONFIG": file}[name] }, UID: os.Getuid()}, true)
		require.NoError(t, err)
		require.Equal(t, []string{file}, loaded.Files)
		require.Empty(t, loaded.Warnings)
		return loaded
	}
	text := generatedFiles(t)["packaging/config.toml"]
	loaded := load(text)
	require.Empty(t, loaded.Origins)
	require.Equal(t, config.Default(), loaded.Config)

	loaded = load(regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(text, "$1"))
	require.Len(t, loaded.Origins, len(loaded.Settings()))
	for _, s := range loaded.Settings() {
		require.Equal(t, s.Default, s.Value, s.Key)
	}
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 90, line)
	}
}

// TestPages_HaveAllOfTheHelp checks that the manual page of a program describes each flag and command in the
// program's help, and that each line of the help fits in 80 columns.
func TestPages_HaveAllOfTheHelp(t *testing.T) {
	flag := regexp.MustCompile(`--?[a-zA-Z][a-zA-Z-]*`)
	command := regexp.MustCompile(`(?m)^ {3,5}([a-z][a-z-]*)[ ,]`)
	var look func(page string, name ...string) int
	look = func(page string, name ...string) int {
		out, err := exec.Command(filepath.Join(harness.ProgramsDir(t), name[0]), append(name[1:], "--help")...).Output()
		require.NoError(t, err, name)
		text := string(out)
		if name[0] != "omg-probe" { // omg-probe does not use shared/command
			for line := range strings.Lines(text) {
				require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, "%v: %s", name, line)
			}
		}
		checked := 0
		for _, f := range flag.FindAllString(text[max(0, strings.LastIndex(text, "OPTIONS:")):], -1) {
			require.Contains(t, strings.ReplaceAll(page, `\-`, "-"), f[1:], "%v: %s", name, f)
			checked++
		}
		if _, list, ok := strings.Cut(text, "\nCOMMANDS:\n"); ok {
			list, _, _ = strings.Cut(list, "\n\n")
			for _, m := range command.FindAllStringSubmatch(list, -1) {
				if m[1] == "help" {
					continue
				}
				inner := append(name[:len(name):len(name)], m[1])
				require.Regexp(t, `(?m)^\.Ss `+strings.Join(inner[1:], " ")+`(,|$)`, page)
				checked += look(page, inner...)
			}
		}
		require.NotZero(t, checked, name)
		return checked
	}
	files := generatedFiles(t)
	for page, least := range map[string]int{"omg.1": 200, "omgd.8": 8, "omg-index.1": 15, "omg-probe.1": 10, "omg-fleet.1": 20} {
		program, _, _ := strings.Cut(page, ".")
		require.Greater(t, look(files["packaging/man/"+page], program), least, page)
	}
}

// TestJSON_AllCommands checks that docs/json.md names the document of each command that has the option --json, and of no other command.
func TestJSON_AllCommands(t *testing.T) {
	want := map[string]bool{}
	var collect func(h *commandHelp)
	collect = func(h *commandHelp) {
		for _, f := range h.flags {
			if f.term == "--json" {
				want[strings.Join(h.name, " ")] = true
			}
		}
		for i := range h.commands {
			collect(&h.commands[i])
		}
	}
	for _, program := range []string{"omg", "omg-fleet"} {
		help, err := readHelp(harness.ProgramsDir(t), program)
		require.NoError(t, err)
		collect(&help)
	}
	require.Greater(t, len(want), 20)
	found := map[string]bool{}
	for _, r := range jsonResults {
		command, _, _ := strings.Cut(r.command, " --")
		found[command] = true
	}
	require.Equal(t, want, found)
}

// TestPages_Mandoc checks that mandoc prints no warning about any manual page.
func TestPages_Mandoc(t *testing.T) {
	mandoc := need.Program(t, "mandoc")
	pages := 0
	for path, text := range generatedFiles(t) {
		if !strings.HasPrefix(path, "packaging/man/") {
			continue
		}
		pages++
		cmd := exec.Command(mandoc, "-Tlint", "-Wwarning")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", path, out)
		require.Empty(t, string(out), path)
		cmd = exec.Command(mandoc, "-Tutf8")
		cmd.Stdin = strings.NewReader(text)
		var shown bytes.Buffer
		cmd.Stdout = &shown
		require.NoError(t, cmd.Run())
		require.Greater(t, shown.Len(), 500, path)
		require.NotContains(t, shown.String(), "@MADE@")
	}
	require.Equal(t, 7, pages)
}

// TestSettings_WithoutComment checks that a setting without a comment is an error, and that the error says where to write
// the comment.
func TestSettings_WithoutComment(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(harness.ProjectRoot(t), "shared", "config", "config.go"))
	require.NoError(t, err)
	root := t.TempDir()
	file := filepath.Join(root, "shared", "config", "config.go")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	for _, c := range []struct{ from, to, want string }{
		{"\t// Time for which a reply is kept.\n", "", "config.go: Cache.TTL (cache.ttl) has no comment: describe its meaning and unit"},
		{`toml:"ttl"`, `toml:"life"`, "field Cache.TTL is not the name of a setting"},
		{"\tTTL Duration `toml:\"ttl\" min:\"1s\"`\n", "", "the setting cache.ttl is in no struct"},
	} {
		require.Equal(t, 1, strings.Count(string(source), c.from))
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(source), c.from, c.to, 1)), 0o644))
		_, err := readSettings(root)
		require.ErrorContains(t, err, c.want)
	}
}

func TestEscapeRoff_PlainText(t *testing.T) {
	require.Equal(t, "\\&.Sh x\n\\&'y \\ez \\-\\-flag a-b", escapeRoff(".Sh x\n'y \\z --flag a-b"))
	require.Equal(t, `Fl \-no\-aur , Fl n Ar X`, mdocFlagHead("--no-aur, -n X"))
	_, err := parseHelp("no help at all\n", "omg")
	require.Error(t, err)
}

// TestExamples_Accepted checks that programs accept each example in a manual page, and each command in a document.
func TestExamples_Accepted(t *testing.T) {
	s := newUser(t).WithEnv("http_proxy=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1") // no example reaches a server
	harness.WriteFile(t, s.Path("all.omgidx"), "")
	var lines []string
	for _, text := range generatedFiles(t) {
		for line := range strings.Lines(text) {
			if example, ok := strings.CutPrefix(strings.TrimSpace(line), ".Dl "); ok {
				lines = append(lines, strings.ReplaceAll(example, `\(dq`, `"`))
			}
		}
	}
	require.NotEmpty(t, lines)
	documents, err := filepath.Glob(filepath.Join(harness.ProjectRoot(t), "docs", "*.md"))
	require.NoError(t, err)
	for _, path := range documents {
		if filepath.Base(path) == "fleet-guide.md" {
			continue // integration/fleetguide runs it on the machines that it needs
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, block := range strings.Split(string(text), "```sh\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			lines = append(lines, strings.Split(strings.TrimSpace(block), "\n")...)
		}
	}
	accepted := map[string]int{}
	for _, line := range lines {
		program, rest, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(program, "omg") || program == "omgd" || strings.HasPrefix(rest, "daemon ") || strings.HasSuffix(line, "&") {
			continue // integration/archtest starts the daemon of the guides, and integration/fleet what runs beside the other commands
		}
		accepted[program]++
		// The command may exit with 1, nothing found. Exit codes that mean wrong usage or a missing program are errors.
		r := s.Run(need.Program(t, "bash"), "-c", line)
		require.NotContains(t, []int{2, 126, 127}, r.Code, "%s\n%s%s", line, r.Stdout, r.Stderr)
	}
	for _, program := range []string{"omg", "omg-index", "omg-probe", "omg-fleet"} {
		require.NotZero(t, accepted[program], program)
	}
}
