package posixre

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/need"
)

var repos = []string{"core", "extra", "multilib"}

// packageText holds the texts of a package that pacman -Ss searches: the name and other fields.
type packageText struct {
	name   string
	fields []string
	folded string // the name and the fields, case-folded
}

func readPackages(t *testing.T, dbpath string) []packageText {
	var packages []packageText
	for _, repo := range repos {
		f, err := os.Open(filepath.Join(dbpath, "sync", repo+".db"))
		require.NoError(t, err)
		defer f.Close()
		zr, err := gzip.NewReader(f)
		require.NoError(t, err)
		for tr := tar.NewReader(zr); ; {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if !strings.HasSuffix(h.Name, "/desc") {
				continue
			}
			desc, err := io.ReadAll(tr)
			require.NoError(t, err)
			p := textOf(string(desc))
			p.folded = foldText(p.name + "\n" + strings.Join(p.fields, "\n"))
			packages = append(packages, p)
		}
	}
	return packages
}

func textOf(desc string) packageText {
	var p packageText
	for block := range strings.SplitSeq(desc, "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		switch lines[0] {
		case "%NAME%":
			p.name = lines[1]
		case "%DESC%", "%GROUPS%":
			p.fields = append(p.fields, lines[1:]...)
		case "%PROVIDES%":
			for _, v := range lines[1:] {
				name, _, _ := strings.Cut(v, "=")
				p.fields = append(p.fields, name)
			}
		}
	}
	return p
}

// search returns the names of the packages that libalpm finds: the expression matches as a regular expression, or is
// plain text that the name contains. Like a search in an index, it first skips packages that lack a required literal.
func search(t *testing.T, packages []packageText, expr string) []string {
	e, err := Compile(expr)
	require.NoError(t, err, expr)
	found := []string{}
	for _, p := range packages {
		possible := !slices.ContainsFunc(e.RequiredLiterals(), func(lit string) bool { return !strings.Contains(p.folded, lit) })
		if strings.Contains(p.name, expr) || possible && (e.MatchString(p.name) || slices.ContainsFunc(p.fields, e.MatchString)) {
			found = append(found, p.name)
		}
	}
	slices.Sort(found)
	return found
}

func TestSearch_EqualsPacman(t *testing.T) {
	need.Program(t, "pacman")
	dbpath := corpus.PrivateDBPath(t)
	conf := "[options]\nArchitecture = x86_64\nSigLevel = Never\n"
	for _, repo := range repos {
		conf += "[" + repo + "]\nServer = file:///nowhere\n"
	}
	confPath := filepath.Join(t.TempDir(), "pacman.conf")
	require.NoError(t, os.WriteFile(confPath, []byte(conf), 0o600))
	pacman := func(expr string) ([]string, error) {
		cmd := exec.Command("pacman", "--config", confPath, "-b", dbpath, "-Ssq", "--", expr)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
		out, err := cmd.Output()
		found := strings.Fields(string(out))
		slices.Sort(found)
		return found, err
	}
	packages := readPackages(t, dbpath)
	require.Greater(t, len(packages), 3000)

	total := 0
	for _, expr := range []string{
		"^lib", "c++", "gtk+", `\<go\>`, "[[:digit:]]{3}", "firefox|chromium",
		"[[:upper:]]{12}", "[A-C]x[0-9]", `\w+-\w+-\w+-\w+`, `lib\>`, `\B-git\B`, "é|ü|ö", "[éü]", "[^ -~]",
		"a||b", "python.*(yaml|toml)", "[[:punct:]]{3}", "[].]so", `\d`, `\s\S{20}`, "^.{90,}$", "ſſh",
	} {
		want, err := pacman(expr)
		if err != nil {
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Empty(t, exit.Stderr, expr)
		}
		require.Equal(t, want, search(t, packages, expr), expr)
		total += len(want)
	}
	require.Greater(t, total, 5_000)

	for _, expr := range []string{"*a", "[a", "(a", "a{2,1}", "[z-a]", "+"} {
		_, err := pacman(expr)
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, expr)
		require.Contains(t, string(exit.Stderr), "regular expression", expr)
		_, err = Compile(expr)
		require.Error(t, err, expr)
	}
}
