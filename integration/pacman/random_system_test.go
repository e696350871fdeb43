package pacman

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/omg-arch/omg/integration/harness"
)

// dice generates random systems.
type dice struct{ *rand.Rand }

func newDice(seed, system uint64) dice { return dice{rand.New(rand.NewPCG(seed, system))} }

// oneIn returns true once in n times, on average.
func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, list []T) T { return list[d.IntN(len(list))] }

// subset returns random elements of a list in random order, at most maxCount of them.
func (d dice) subset(list []string, maxCount int) (out []string) {
	n := d.IntN(maxCount + 1)
	for _, i := range d.Perm(len(list))[:min(n, len(list))] {
		out = append(out, list[i])
	}
	return out
}

// Names, versions and texts of random packages. Each list is short, so that many packages are related.
var (
	someNames = []string{
		"a", "b", "c", "lib", "lib32-a", "gtk2+extra", "c++", "a.b", "axb", "@scope", "_x", "R", "r", "db5.3", "x-y-z", "größe", "tool", "tool-git",
		"linux", "linux-lts", "app", "app-data", "app-doc", "sh", "virt", "old-app", "new-app", "zz",
	}
	someVirtual  = []string{"virt", "sh", "cron", "libx.so", "editor"}
	someVersions = []string{
		"1-1", "1-2", "2-1", "1.0-1", "1.0.1-1", "1.0a-1", "1.0.a-1", "1:1-1", "2:0.5-1", "0:1-1", "1.0rc1-1", "1.0~beta-1", "1.0^git1-1", "01.0-1", "1_0-1",
		"20230101-1", "1.r12.gabc-1", "1.α-1", "1.β-1", "1-1.1",
	}
	someGroups = []string{"base", "devel", "fonts-x", "held", "Held"}
	someTexts  = []string{
		"", "", "words", "a library for c++", "GNU “quotes”", "two  blanks ", "Größe und Maß", "[brackets] (and) * + ? . ^ $", "gtk2+extra and more", "tool",
	}
	someUsages = []string{"", "", "", "All", "Sync", "Search", "Install Search", "Sync Upgrade", "Search Upgrade"}
)

func (d dice) relation(names []string, described bool) string {
	name := pick(d, names)
	if d.oneIn(3) {
		name = pick(d, someVirtual)
	}
	if d.oneIn(2) {
		version := pick(d, someVersions)
		if d.oneIn(2) {
			version, _, _ = strings.Cut(version, "-")
		}
		name += pick(d, []string{"=", ">=", "<=", ">", "<"}) + version
	}
	if described {
		name += pick(d, []string{"", ": for tests", ":no blank", ": a: b", ": "})
	}
	return name
}

func (d dice) relations(names []string, most int, described bool) string {
	var list []string
	for range d.IntN(most + 1) {
		list = append(list, d.relation(names, described))
	}
	return strings.Join(list, "\n")
}

// describe returns random fields of a package besides name and version.
func (d dice) describe(names []string, installed bool) (fields []string) {
	add := func(key, value string) {
		if value != "" {
			fields = append(fields, key, value)
		}
	}
	if !d.oneIn(4) {
		fields = append(fields, "DESC", pick(d, someTexts))
	}
	add("GROUPS", strings.Join(d.subset(someGroups, 2), "\n"))
	add("DEPENDS", d.relations(names, 3, false))
	add("OPTDEPENDS", d.relations(names, 2, true))
	add("CONFLICTS", d.relations(names, 1, false))
	if d.oneIn(2) {
		provides := d.subset(someVirtual, 2)
		for i := range provides {
			if d.oneIn(2) {
				provides[i] += "=" + pick(d, someVersions)
			}
		}
		add("PROVIDES", strings.Join(provides, "\n"))
	}
	if d.oneIn(4) {
		add("REPLACES", d.relations(names, 2, false))
	}
	add("LICENSE", pick(d, []string{"", "GPL", "MIT\nGPL"}))
	add("URL", pick(d, []string{"", "https://example.org/?a=b&c"}))
	if installed {
		add("SIZE", pick(d, []string{"", "0", "1023", "1048576", "999999999999"}))
		add("REASON", pick(d, []string{"", "", "0", "1", "1", "1", "7"}))
		add("VALIDATION", pick(d, []string{"", "none", "pgp", "sha256\nmd5"}))
	} else {
		add("CSIZE", pick(d, []string{"", "0", "10", "2048"}))
		add("ISIZE", pick(d, []string{"", "77", "5368709120"}))
		add("SHA256SUM", pick(d, []string{"", "00ff"}))
	}
	// The fields are in a random order, because libalpm accepts any order.
	var pairs [][2]string
	for i := 0; i < len(fields); i += 2 {
		pairs = append(pairs, [2]string{fields[i], fields[i+1]})
	}
	d.Shuffle(len(pairs), func(i, k int) { pairs[i], pairs[k] = pairs[k], pairs[i] })
	fields = fields[:0]
	for _, p := range pairs {
		fields = append(fields, p[0], p[1])
	}
	return fields
}

// randomSystem is a system with installed packages and repositories.
type randomSystem struct {
	*harness.System
	names    []string // of all packages
	damaged  bool     // a repository's database is damaged
	searches bool     // whether pacman searches at least one repository
}

// newRandomSystem generates the system that the dice determine.
func newRandomSystem(t testing.TB, d dice) *randomSystem {
	s := &randomSystem{System: harness.New(t, harness.WithoutDatabases())}
	names := d.subset(someNames, len(someNames))
	if len(names) == 0 {
		names = someNames[:1]
	}
	s.names = names
	for _, name := range names {
		if !d.oneIn(3) {
			s.Install(name, pick(d, someVersions), d.describe(names, true)...)
		}
	}
	s.Install("always", "1-1", d.describe(names, true)...)
	s.faults(d)
	conf := "[options]\nArchitecture = x86_64\nSigLevel = Never\nRootDir = " + s.Path("root") + "\n"
	conf += "CacheDir = " + s.Path("cache") + "\nLogFile = " + s.Path("log") + "\nHookDir = " + s.Path("hooks") + "\n"
	harness.WriteFile(t, s.Path("root", "usr", "share", "always"), "")
	if d.oneIn(3) {
		conf += "IgnorePkg = " + pick(d, []string{"a", "app*", "lib?2-* R", "[a-c]", "[[:lower:]]", "*"}) + "\n"
	}
	if d.oneIn(3) {
		conf += "IgnoreGroup = " + pick(d, []string{"held", "?eld", "base devel", "[[:upper:]]*"}) + "\n"
	}
	repos := []string{"core", "extra", "own", "aur", "my.repo-1"}
	d.Shuffle(len(repos), func(i, k int) { repos[i], repos[k] = repos[k], repos[i] })
	repos = repos[:1+d.IntN(4)]
	for _, repo := range repos {
		s.publish(d, repo)
		usage := pick(d, someUsages)
		s.searches = s.searches || usage == "" || usage == "All" || strings.Contains(usage, "Search")
		conf += "[" + repo + "]\nServer = file:///nowhere\n"
		if usage != "" {
			conf += "Usage = " + usage + "\n"
		}
	}
	if d.oneIn(5) { // sometimes a repository has a second section, which has no effect
		conf += "[" + repos[0] + "]\nServer = file:///nowhere\nUsage = " + pick(d, []string{"Sync", "Search", "All"}) + "\n"
	}
	harness.WriteFile(t, s.PacmanConf, conf)
	return s
}

// publish writes the database of a repository.
func (s *randomSystem) publish(d dice, repo string) {
	var files, later []harness.DatabaseEntry
	for _, name := range s.names {
		if d.oneIn(2) {
			continue
		}
		p := harness.NewPackageEntry(name, pick(d, someVersions), d.describe(s.names, false)...)
		files = append(files, p)
		if d.oneIn(8) { // sometimes a package also has a depends file, which need not follow its desc in the archive
			text := "%PROVIDES%\n" + pick(d, someVirtual) + "\n\n"
			later = append(later, harness.DatabaseEntry{Path: strings.TrimSuffix(p.Path, "desc") + "depends", Text: text})
		}
		if d.oneIn(12) { // sometimes the database also has another version of the package
			later = append(later, harness.NewPackageEntry(name, pick(d, someVersions), d.describe(s.names, false)...))
		}
	}
	files = append(files, harness.NewPackageEntry("in-"+repo, "1-1", d.describe(s.names, false)...))
	d.Shuffle(len(files), func(i, k int) { files[i], files[k] = files[k], files[i] })
	db := harness.BuildDatabase(s.T, append(files, later...)...)
	switch {
	case d.oneIn(25):
		db, s.damaged = []byte("<html>not here</html>"), true
	case d.oneIn(25):
		db, s.damaged = db[:len(db)/2], true
	}
	harness.WriteFile(s.T, s.SyncDBPath(repo), db)
}

// faults damages the local database at random; most systems stay undamaged.
func (s *randomSystem) faults(d dice) {
	local := filepath.Join(s.DB, "local")
	if d.oneIn(6) {
		dirs, _ := filepath.Glob(filepath.Join(local, "*", "desc"))
		slices.Sort(dirs)
		path := pick(d, dirs)
		text := harness.ReadFile(s.T, path)
		text = text[:d.IntN(len(text)+1)]
		if d.oneIn(4) && len(text) > 0 {
			text = slices.Clone(text)
			text[d.IntN(len(text))] = 0
		}
		harness.WriteFile(s.T, path, text)
	}
	if d.oneIn(8) {
		harness.WriteFile(s.T, filepath.Join(local, "-1-1", "x"), "") // a name with fewer than two dashes would make libalpm read out of bounds
	}
	if d.oneIn(8) {
		harness.WriteFile(s.T, filepath.Join(local, "listed-1-1", "files"), "%FILES%\nusr/\n")
	}
}

// question returns a random question, and whether the exit codes are compared too.
func (s *randomSystem) question(d dice) (q question, codes bool) {
	word := func() string {
		switch d.IntN(4) {
		case 0:
			return pick(d, s.names)
		case 1:
			return pick(d, someVirtual)
		case 2:
			return pick(d, []string{"^a", "lib", "^$", "a|b", ".", "[ab]", "c++", "+ex", "x.*z$", "GRÖSSE", "größe", "(tool|app)-", "e{0}x", "blanks $", "^base$", "a.b"})
		}
		return pick(d, someGroups)
	}
	name := func() string {
		if d.oneIn(8) {
			return d.relation(s.names, false)
		}
		return pick(d, s.names)
	}
	lists := [][2]string{
		{"-Q", "installed"},
		{"-Qq", "installed -q"},
		{"-Qe", "explicit"},
		{"-Qeq", "explicit -q"},
		{"-Qd", "installed --deps"},
		{"-Qdt", "orphans"},
		{"-Qdtt", "orphans --required"},
		{"-Qi", "info -i"},
		{"-Qm", "foreign"},
		{"-Qu", "outdated"},
		{"-Qu", "outdated"},
		{"-Quq", "outdated -q"},
	}
	n := d.IntN(len(lists) + 10)
	if n < len(lists) {
		return newQuestion(lists[n][0], lists[n][1]), true
	}
	switch n - len(lists) {
	case 0, 1, 2:
		words := []string{word()}
		if d.oneIn(3) {
			words = append(words, word())
		}
		return question{append([]string{"-Ss", "--"}, words...), append([]string{"search", "--no-aur", "-x", "--sort", "repo", "--"}, words...)}, true
	case 3, 4:
		words := []string{word()}
		return question{append([]string{"-Qs", "--"}, words...), append([]string{"installed", "-x", "--"}, words...)}, true
	case 5:
		target := name()
		return question{[]string{"-Qi", "--", target}, []string{"info", "-i", "--", target}}, true
	case 6, 7:
		repo := pick(d, []string{"core", "extra", "own", "aur", "my.repo-1"})
		target := repo + "/" + pick(d, append([]string{"in-" + repo}, s.names...))
		return question{[]string{"-Si", "--", target}, []string{"info", "--", target}}, true
	case 8:
		path := s.Path("root") + pick(d, []string{"/usr", "/usr/", "/usr/share/always", "/usr/../usr/share/always", "/usr//share/./always", "/none/../usr/share/always", "/usr/share/" + pick(d, s.names), ""})
		return question{[]string{"-Qo", "--", path}, []string{"owns", "--", path}}, true
	}
	target := name()
	return question{[]string{"-Ql", "--", target}, []string{"files", "--", target}}, false
}

func (q question) String() string { return fmt.Sprintf("pacman %q, omg %q", q.pacman, q.omg) }
