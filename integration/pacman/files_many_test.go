package pacman

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/posixre"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// filesWay is one way in which omg finds files.
type filesWay struct {
	name string
	// every is the number of runs of pacman of which one is compared.
	every int
	// answer returns what pacman --machinereadable prints for an operation and targets.
	answer func(operation string, targets []string) string
}

// machineReadable prints paths as pacman -F --machinereadable does.
func machineReadable(out *strings.Builder, p *wire.RepositoryPackage, paths []string) {
	for _, path := range paths {
		fmt.Fprintf(out, "%s\x00%s\x00%s\x00%s\n", p.Repo, p.Name, p.Version, path)
	}
}

// answerEach returns the function answer of a way that needs no process for a question. The functions owners and list pass the packages
// that pacman -F and -Fl find to the function visit.
func answerEach(
	t testing.TB, owners func(*wire.FilesOwnerRequest, func(*wire.FileOwner) error) error,
	list func(*wire.FilesListRequest, func(*wire.RepositoryFiles) error) error,
) func(operation string, targets []string) string {
	return func(operation string, targets []string) string {
		t.Helper()
		var out strings.Builder
		for _, target := range targets {
			var err error
			if operation == "-Fl" {
				err = list(&wire.FilesListRequest{Names: []string{target}}, func(f *wire.RepositoryFiles) error {
					machineReadable(&out, &f.RepositoryPackage, f.Paths)
					return nil
				})
			} else {
				err = owners(&wire.FilesOwnerRequest{Names: []string{target}, Regex: operation == "-Fx"}, func(o *wire.FileOwner) error {
					require.Equal(t, target, o.Query)
					machineReadable(&out, &o.RepositoryPackage, o.Paths)
					return nil
				})
			}
			require.NoError(t, err, target)
		}
		return out.String()
	}
}

// newFilesWays returns the three ways: a daemon with indexes, indexes, and databases. For each question, omg reads all databases, so this
// way answers only some of them.
func newFilesWays(t testing.TB, s *harness.System, repos []string) []filesWay {
	t.Helper()
	s.BuildIndexes("--files")
	d := s.StartDaemon()
	d.AwaitFileLists(func(b *wire.Basis) bool { return !b.Partial && !b.Stale && len(b.Sources) == len(repos) }, "all lists")
	conn := d.Dial()
	daemon := answerEach(t, func(r *wire.FilesOwnerRequest, visit func(*wire.FileOwner) error) error {
		_, err := conn.FilesOwner(t.Context(), r, visit)
		return err
	}, func(r *wire.FilesListRequest, visit func(*wire.RepositoryFiles) error) error {
		_, err := conn.FilesList(t.Context(), r, visit)
		return err
	})
	in := snapshot.Build(snapshot.Inputs{Files: openFilesIndexes(t, s, repos)})
	index := answerEach(t, func(r *wire.FilesOwnerRequest, visit func(*wire.FileOwner) error) error {
		_, err := in.FileOwners(r, t.Context().Err, visit)
		return err
	}, func(r *wire.FilesListRequest, visit func(*wire.RepositoryFiles) error) error {
		_, err := in.RepositoryFiles(r, t.Context().Err, visit)
		return err
	})
	way := s.DatabasesAnswerWay()
	databases := func(operation string, targets []string) string {
		return way.Omg(slices.Concat([]string{operation, "--machinereadable", "--"}, targets)...).Stdout
	}
	return []filesWay{{"daemon", 1, daemon}, {"index", 1, index}, {"databases", 12, databases}}
}

// openFilesIndexes opens the indexes of the lists of files of repositories.
func openFilesIndexes(t testing.TB, s *harness.System, repos []string) (list []snapshot.FilesSource) {
	t.Helper()
	for _, repo := range repos {
		r, err := sources.RepositoryFromFilesDatabase(s.FilesDBPath(repo))
		require.NoError(t, err)
		x, err := sources.OpenFilesIndex(sources.FilesIndexPath(s.IndexDir(), repo), nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = x.File.Close() })
		e := r.ExamineFiles(t.Context(), x)
		require.False(t, e.NeedsBuild)
		list = append(list, e.FilesSource())
	}
	return list
}

// newManyFiles returns a system with generated lists of files, and with random lists of odd paths.
func newManyFiles(t testing.TB, d dice) (s *harness.System, repos []string) {
	t.Helper()
	s = harness.New(t, harness.WithGenerated(fixture.Options{Packages: 120, Installed: 20, Seed: seed, FileLists: true}))
	for _, repo := range []string{"odd", "odder"} {
		var packages []listedPackage
		for i, name := range someNames {
			p := listedPackage{name: name, version: fmt.Sprintf("%d-1", i)}
			for range d.IntN(60) {
				p.paths = append(p.paths, d.oddPath())
			}
			packages = append(packages, p)
		}
		publishFiles(s, repo, packages...)
	}
	repos = []string{"core", "odd", "extra", "odder", "multilib"}
	configureRepositories(s, repos...)
	return s, repos
}

// oddPath returns a random path of few words, so that many packages have the same.
func (d dice) oddPath() string {
	var b strings.Builder
	if d.oneIn(30) {
		b.WriteByte('/')
	}
	for i := range 1 + d.IntN(4) {
		if i > 0 {
			b.WriteString(pick(d, []string{"/", "/", "/", "/", "/", "/", "//", "/./", "/../"}))
		}
		b.WriteString(pick(d, []string{
			"usr", "usr", "bin", "lib", "share", "doc", "Makefile", "README", "readme", "libx.so", "libx.so.1", "größe", "GRÖSSE", "x y", " ", "*", "[x]", "a", "b", "Aa", `\n`, "日本",
			"latin-\xe9", "\x01", "esc-\x1b[m", "c++", "..", "-rf", "%s",
		}))
	}
	if d.oneIn(5) {
		b.WriteByte('/')
	}
	return b.String()
}

// fileTargetOf returns a random target for a path: the path, its directory, its name, or something similar.
func (d dice) fileTargetOf(file string) string {
	switch d.IntN(10) {
	case 0, 1, 2:
		return path.Base(file)
	case 3:
		return "/" + file
	case 4:
		return file[:strings.LastIndexByte(file, '/')+1] // empty for a path without a directory
	case 5:
		return strings.TrimSuffix(file, "/")
	case 6:
		return file[:d.IntN(len(file))]
	case 7:
		return pick(d, []string{strings.ToUpper(file), file + "/", "//" + file, file + "x"})
	}
	return file
}

// fileExpressionOf returns a random expression that is likely to match a path. It does not contain what package posixre matches differently
// from the C library.
func (d dice) fileExpressionOf(file string) string {
	text := []rune(strings.ToValidUTF8(file, ""))
	if len(text) > 4 && d.oneIn(2) {
		from := d.IntN(len(text) - 3)
		text = text[from : from+3+d.IntN(len(text)-from-2)]
	}
	expr := posixre.Quote(string(text))
	switch d.IntN(16) {
	case 0:
		return "^" + expr
	case 1:
		return expr + "$"
	case 2:
		return "^" + expr + "$"
	case 3:
		return "(" + expr + "|^usr/bin/[a-c])"
	case 4:
		return strings.ToUpper(expr)
	case 5:
		return expr + "[[:alnum:]]*\\.(so|png)"
	}
	return expr
}

// TestFiles_Many compares thousands of answers about files with those of pacman, which answers many questions in one run. The answers to one
// run's questions follow each other without a mark between them.
func TestFiles_Many(t *testing.T) {
	need.Program(t, "pacman")
	d := newDice(seed, 22)
	s, repos := newManyFiles(t, d)
	var all []string
	questions := map[string][]string{}
	for _, repo := range repos {
		_, err := pacmandb.ReadSyncFiles(t.Context(), s.FilesDBPath(repo), func(l *pacmandb.FileList) error {
			all = append(all, l.Paths...)
			questions["-Fl"] = append(questions["-Fl"], l.Name, repo+"/"+l.Name, pick(d, repos)+"/"+l.Name)
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, len(all), 10_000)
	for range 2100 {
		questions["-F"] = append(questions["-F"], d.fileTargetOf(pick(d, all)))
	}
	for range 120 {
		questions["-Fx"] = append(questions["-Fx"], d.fileExpressionOf(pick(d, all)))
	}
	comparisons, runs := 0, 0
	ways := newFilesWays(t, s, repos)
	for _, operation := range []string{"-F", "-Fx", "-Fl"} {
		targets := slices.DeleteFunc(questions[operation], func(target string) bool { return target == "" })
		d.Shuffle(len(targets), func(i, k int) { targets[i], targets[k] = targets[k], targets[i] })
		for batch := range slices.Chunk(targets, 50) {
			want := s.Pacman(slices.Concat([]string{operation, "--machinereadable", "--"}, batch)...)
			for _, way := range ways {
				if runs%way.every == 0 {
					require.Equal(t, want.Stdout, way.answer(operation, batch), "%s: %s %q", way.name, operation, batch)
					comparisons += len(batch)
				}
			}
			runs++
		}
	}
	require.Greater(t, comparisons, 5000)
}
