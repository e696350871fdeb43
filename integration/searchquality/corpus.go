package searchquality

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// Corpus is a set of real packages, indexed as omg indexes them.
type Corpus struct {
	set   *pkgindex.FileSet
	file  *pkgindex.File
	repos []string // in the order of pacman.conf
	// withCommands suggests packages by their commands; nil without a list of commands.
	withCommands *snapshot.Snapshot

	packageCount     int
	packagesWithWord map[string]int // for BM25
	meanWords        float64
}

// OpenCorpus indexes the databases of repositories in dbPath/sync, and the AUR's dump unless its path is empty.
func OpenCorpus(dbPath string, repos []string, aurDump string) (*Corpus, error) {
	c := &Corpus{repos: repos, packagesWithWord: map[string]int{}}
	build := pkgindex.NewBuilder("searchquality", 0)
	words := 0
	add := func(s *pkgindex.SourceBuilder) func(p *wire.Package) error {
		return func(p *wire.Package) error {
			list := packageWords(p)
			words += len(list)
			c.packageCount++
			slices.Sort(list)
			for _, w := range slices.Compact(list) {
				c.packagesWithWord[w]++
			}
			return s.Add(p)
		}
	}
	for _, repo := range repos {
		s := build.AddSource(repo, pkgindex.KindRepo)
		if _, err := pacmandb.ReadSync(context.Background(), filepath.Join(dbPath, "sync", repo+".db"), repo, add(s), nil); err != nil {
			return nil, err
		}
	}
	if aurDump != "" {
		s := build.AddSource(wire.SourceAUR, pkgindex.KindAUR)
		if _, err := aurdump.Read(context.Background(), aurDump, add(s)); err != nil {
			return nil, err
		}
	}
	c.meanWords = float64(words) / float64(c.packageCount)
	data, err := build.Bytes()
	if err != nil {
		return nil, err
	}
	f, err := pkgindex.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	c.file = f
	c.set = pkgindex.NewFileSet([]*pkgindex.File{f}, pkgindex.FileSetOptions{Repos: repos})
	return c, nil
}

// AddCommands adds the commands of a repository: the paths of each package's commands, by its name.
func (c *Corpus) AddCommands(repo string, paths map[string][]string) error {
	build := filesindex.NewBuilder(repo, filesindex.BuildInfo{Builder: "searchquality"})
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		if err := build.Add(name, "1-1", paths[name]); err != nil {
			return err
		}
	}
	file, err := os.CreateTemp("", "commands")
	if err != nil {
		return err
	}
	defer file.Close()
	defer os.Remove(file.Name())
	if err := build.WriteTo(file); err != nil {
		return err
	}
	list := sources.ExaminedFiles{Source: wire.Source{Name: repo, Kind: wire.KindFiles}}
	if list.Index, err = filesindex.OpenFromFile(file); err != nil {
		return err
	}
	in := snapshot.Inputs{Files: []snapshot.FilesSource{list.FilesSource()}}
	for _, name := range c.repos {
		in.Repositories = append(in.Repositories, snapshot.IndexedSource{Source: wire.Source{Name: name, Kind: wire.KindRepository}, Usage: pacmandb.UsageAll, Index: c.file})
	}
	c.withCommands = snapshot.Build(in)
	return nil
}

// rankOf returns the place of a package's repository. That of the AUR is the last.
func (c *Corpus) rankOf(p *wire.Package) int {
	if i := slices.Index(c.repos, p.Repo); i >= 0 {
		return i
	}
	return len(c.repos)
}

// search returns the packages that omg finds, in omg's order.
func (c *Corpus) search(q *Query) ([]wire.Package, error) {
	parsed, err := pkgindex.ParseQuery(&wire.SearchRequest{Words: q.Words()})
	if err != nil {
		return nil, fmt.Errorf("%q: %w", q.Text, err)
	}
	r, err := c.set.Search(parsed, 0, 0)
	if err != nil {
		return nil, err
	}
	found := make([]wire.Package, len(r.Hits))
	for i, h := range r.Hits {
		if found[i], err = c.set.ReadPackage(h); err != nil {
			return nil, err
		}
		found[i].Repo = c.set.RepoOf(h)
	}
	return found, nil
}

// Measure returns the scores of each order for a query.
func (c *Corpus) Measure(q *Query) (map[string]Scores, []string, error) {
	found, err := c.search(q)
	if err != nil {
		return nil, nil, err
	}
	scores := map[string]Scores{}
	var shown []string
	if q.Kind == kindCommand {
		result, err := c.withCommands.Search(&wire.SearchRequest{Words: q.Words(), Limit: 1})
		if err != nil {
			return nil, nil, err
		}
		for _, o := range Orders { // the other programs suggest nothing, but the packages may be among the results
			scores[o.Name] = Score(q, packageNames(o.Sort(c, q, found)), func(string) bool { return true })
		}
		shown = wire.PackagesWithCommand(result.Suggestions)
		scores["omg"] = Score(q, shown, func(string) bool { return true })
		return scores, shown, nil
	}
	if len(found) == 0 {
		suggested, err := c.set.Suggest(q.Text)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range suggested {
			shown = append(shown, s.Name)
		}
		for _, o := range Orders {
			scores[o.Name] = Scores{Queries: 1} // the other programs suggest nothing
		}
		scores["omg"] = Score(q, shown, func(string) bool { return true })
		return scores, shown, nil
	}
	inSet := map[string]bool{}
	for i := range found {
		inSet[found[i].Name] = true
	}
	for _, o := range Orders {
		names := packageNames(o.Sort(c, q, found))
		if o.Name == "omg" {
			shown = names
		}
		scores[o.Name] = Score(q, names, func(name string) bool { return inSet[name] })
	}
	return scores, shown, nil
}

// packageNames returns the names of packages without duplicates: the same name may be in several repositories.
func packageNames(packages []wire.Package) []string {
	seen := map[string]bool{}
	var names []string
	for i := range packages {
		if !seen[packages[i].Name] {
			seen[packages[i].Name] = true
			names = append(names, packages[i].Name)
		}
	}
	return names
}
