package pacman

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// infoBlock holds the fields of a block that pacman -Qi or -Sii prints. A field with a list has several values.
type infoBlock map[string][]string

// infoBlocks parses the output of pacman -Qi or -Sii that was not wrapped.
func infoBlocks(out string) (blocks []infoBlock) {
	for text := range strings.SplitSeq(strings.TrimSpace(out), "\n\n") {
		b, title := infoBlock{}, ""
		for line := range strings.Lines(text) {
			value := strings.TrimSpace(line)
			if !strings.HasPrefix(line, " ") {
				before, after, _ := strings.Cut(line, " : ")
				title, value = strings.TrimSpace(before), strings.TrimSpace(after)
			}
			if value == "None" {
				continue
			}
			if title == "Optional Deps" {
				b[title] = append(b[title], strings.TrimSuffix(value, " [installed]"))
			} else {
				b[title] = append(b[title], strings.Split(value, "  ")...)
			}
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// edge is a dependency of one package on another.
type edge struct{ from, to string }

// walkEdges returns the edges of a walk along all edges, breadth first, from a package up to a distance, as omg tree prints them.
func walkEdges(start string, maxDepth int, next func(string) []string) (list []string) {
	distance := map[string]int{start: 0}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		if maxDepth >= 0 && distance[from] >= maxDepth {
			continue
		}
		for _, to := range next(from) {
			list = append(list, from+" "+to)
			if _, ok := distance[to]; !ok {
				distance[to] = distance[from] + 1
				queue = append(queue, to)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// adjacent returns a function for walkEdges.
func adjacent(edges []edge, reverse bool) func(string) []string {
	m := map[string][]string{}
	for _, e := range edges {
		if reverse {
			e.from, e.to = e.to, e.from
		}
		m[e.from] = append(m[e.from], e.to)
	}
	return func(name string) []string { return m[name] }
}

// dependants returns the edges of a relation that pacman prints at the package that is needed.
func dependants(blocks []infoBlock, titles ...string) (edges []edge) {
	for _, b := range blocks {
		for _, title := range titles {
			for _, from := range b[title] {
				edges = append(edges, edge{from, b["Name"][0]})
			}
		}
	}
	return edges
}

// repositoryEdges returns the edges from each package of the repositories to the packages that pacman would install for its
// dependencies.
func repositoryEdges(blocks []infoBlock, isInstalled func(string) bool, titles ...string) (edges []edge) {
	for _, b := range blocks {
		for _, title := range titles {
			for _, text := range b[title] {
				if to := resolveDependency(blocks, isInstalled, pacmandb.ParseDepend(text)); to != "" {
					edges = append(edges, edge{b["Name"][0], to})
				}
			}
		}
	}
	return edges
}

func resolveDependency(blocks []infoBlock, isInstalled func(string) bool, d pacmandb.Depend) string {
	first := ""
	for _, b := range blocks {
		if b["Name"][0] == d.Name && d.Allows(b["Version"][0]) {
			return d.Name
		}
	}
	for _, b := range blocks {
		name := b["Name"][0]
		if name == d.Name || !slices.ContainsFunc(b["Provides"], d.IsProvidedBy) {
			continue
		}
		if isInstalled(name) {
			return name
		}
		if first == "" {
			first = name
		}
	}
	return first
}

// TestTree compares the edges of omg tree with walks over the relations that pacman prints.
func TestTree(t *testing.T) {
	need.Program(t, "pacman")
	w := newComparison(t, harness.New(t, harness.WithGenerated(fixture.Options{Packages: 900, Installed: 300, Seed: 12})))
	local, repositories := infoBlocks(w.pacman("-Qi").Stdout), infoBlocks(w.pacman("-Sii").Stdout)
	require.Len(t, local, 300)
	require.GreaterOrEqual(t, len(repositories), 900)
	installed := w.pacman("-Qq").Lines()
	isInstalled := func(name string) bool { return slices.Contains(installed, name) }

	needed, optional := dependants(local, "Required By"), dependants(local, "Required By", "Optional For")
	repoNeeded, repoOptional := repositoryEdges(repositories, isInstalled, "Depends On"), repositoryEdges(repositories, isInstalled, "Depends On", "Optional Deps")
	repoDependants, repoUsers := dependants(repositories, "Required By"), dependants(repositories, "Required By", "Optional For")
	require.Greater(t, len(optional), len(needed))
	require.Greater(t, len(repoOptional), len(repoNeeded))

	var offered []string
	for _, b := range repositories {
		offered = append(offered, b["Name"][0])
	}
	for _, way := range w.ways {
		t.Run(way.Name, func(t *testing.T) {
			way := way.ForSubtest(t)
			total := 0
			for _, c := range []struct {
				args    []string
				names   []string
				edges   []edge
				reverse bool
				depth   int
			}{
				{nil, installed, needed, false, -1},
				{[]string{"-r"}, installed, needed, true, -1},
				{[]string{"-o"}, installed, optional, false, -1},
				{[]string{"-ro", "-d", "2"}, installed, optional, true, 2},
				{[]string{"-d", "1"}, installed, needed, false, 1},
				{[]string{"-s"}, offered, repoNeeded, false, -1},
				{[]string{"-so", "--depth", "3"}, offered, repoOptional, false, 3},
				{[]string{"-sr"}, offered, repoDependants, true, -1},
				{[]string{"-sro", "-d", "2"}, offered, repoUsers, true, 2},
			} {
				for i := 0; i < len(c.names); i += len(c.names) / 6 {
					name := c.names[i]
					args := append([]string{"tree", "--format", "{{.from}} {{.name}}", name}, c.args...)
					got := way.Omg(args...)
					require.Zero(t, got.Code, "%v: %s", args, got.Stderr)
					lines := got.Lines()
					slices.Sort(lines)
					want := walkEdges(name, c.depth, adjacent(c.edges, c.reverse))
					require.Equal(t, want, slices.Compact(append([]string(nil), lines...)), args)
					require.Len(t, lines, len(want), "each edge is printed once")
					total += len(want)
				}
			}
			require.Greater(t, total, 500)
			for _, flag := range []string{"", "-s"} {
				args := strings.Fields("tree no-such-package " + flag)
				require.Equal(t, exit.NotFound, way.Omg(args...).Code)
			}
		})
	}
}
