package show

import (
	"bufio"
	"cmp"
	"fmt"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/termtext"
)

// Tree is a graph of packages to print. The package at which it begins is printed first.
type Tree struct {
	*backend.TreeResult
	// Reverse means that an edge leads to a package that needs the one before. FromRepositories is as in backend.TreeRequest.
	Reverse, FromRepositories bool
	// Mark, if not nil, returns a mark for an edge, or "" for none. The names above are those of the packages on the way to the edge, the
	// first one first.
	Mark func(e *backend.TreeEdge, above []string) string
}

// HasUnicode reports whether the locale of the environment has box-drawing characters.
func HasUnicode(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}

// treeLines are the texts in front of a package: before a package that others follow, before the last one, and below each of them.
type treeLines struct{ fork, last, belowFork, belowLast string }

var (
	unicodeTree = treeLines{"├─", "└─", "│ ", "  "}
	asciiTree   = treeLines{"|-", "`-", "| ", "  "}
)

// PrintTree prints a tree, in which each package has its edges once: where it is at its distance from the first package. With unicode, it
// has box-drawing characters. PrintTree returns the name of the package in each line or, if no package satisfies
// the dependency, the name in the dependency.
func (s Style) PrintTree(w *bufio.Writer, t *Tree, unicode bool) (names []string) {
	p := treePrinter{
		printer: printer{s, w}, tree: t, lines: asciiTree, packages: map[string]*backend.TreePackage{}, isDone: map[string]bool{}, names: []string{t.Name},
	}
	if unicode {
		p.lines = unicodeTree
	}
	for i := range t.Packages {
		p.packages[t.Packages[i].Name] = &t.Packages[i]
	}
	p.setColor(titleColor)
	p.writeClean(t.Name)
	p.setColor(resetColor)
	p.writeRaw("\n")
	p.printEdges(t.Name, "")
	return p.names
}

type treePrinter struct {
	printer
	tree     *Tree
	lines    treeLines
	packages map[string]*backend.TreePackage
	isDone   map[string]bool // the packages whose edges are printed
	above    []string        // the packages on the way to the present line
	names    []string        // the package in each line
}

// printEdges prints the edges of the package with the given name. The tree is at most as deep as the longest distance.
func (p *treePrinter) printEdges(name string, prefix string) {
	pkg := p.packages[name]
	if pkg == nil || pkg.Distance != len(p.above) || p.isDone[name] {
		return
	}
	p.isDone[name] = true
	p.above = append(p.above, name)
	defer func() { p.above = p.above[:len(p.above)-1] }()
	for i, e := range pkg.Edges {
		mark, below := p.lines.fork, p.lines.belowFork
		if i == len(pkg.Edges)-1 {
			mark, below = p.lines.last, p.lines.belowLast
		}
		p.writeRaw(prefix + mark)
		p.printEdge(name, &e)
		p.names = append(p.names, cmp.Or(e.Name, dependencyName(e.Dependency)))
		p.printEdges(e.Name, prefix+below)
	}
}

func (p *treePrinter) printEdge(from string, e *backend.TreeEdge) {
	if e.Name == "" {
		p.writeClean(e.Dependency)
		if p.tree.FromRepositories {
			p.printMark("in no repository")
		} else {
			p.printMark("not installed")
		}
	} else {
		p.setColor(titleColor)
		p.writeClean(e.Name)
		p.setColor(resetColor)
		needed, verb := e.Name, " provides "
		if p.tree.Reverse {
			needed, verb = from, " requires "
		}
		if dependencyName(e.Dependency) != needed {
			p.writeRaw(verb)
			p.writeClean(e.Dependency)
		}
	}
	if e.Optional {
		p.printMark("optional")
	}
	if p.tree.Mark != nil {
		if mark := p.tree.Mark(e, p.above); mark != "" {
			p.printMark(mark)
		}
	}
	p.writeRaw("\n")
}

// dependencyName returns the name in a dependency such as glibc>=2.36.
func dependencyName(dependency string) string {
	if at := strings.IndexAny(dependency, "<>="); at >= 0 {
		return dependency[:at]
	}
	return dependency
}

// PrintDot prints a tree in the language of Graphviz.
func (s Style) PrintDot(w *bufio.Writer, t *Tree) {
	quote := func(text string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(termtext.Clean(text)) + `"`
	}
	fmt.Fprintf(w, "digraph %s {\n\tnode [shape=box];\n\t%s;\n", quote(t.Name), quote(t.Name))
	for i := range t.Packages {
		p := &t.Packages[i]
		for _, e := range p.Edges {
			to, style := e.Name, ""
			if to == "" {
				to = e.Dependency
				style = " [color=red]"
			} else if e.Optional {
				style = " [style=dashed]"
			}
			fmt.Fprintf(w, "\t%s -> %s%s;\n", quote(p.Name), quote(to), style)
		}
	}
	_, _ = w.WriteString("}\n")
}

// PrintMermaid prints a tree in the language of Mermaid.
func (s Style) PrintMermaid(w *bufio.Writer, t *Tree) {
	ids := map[string]string{}
	node := func(name string) string {
		if id, ok := ids[name]; ok {
			return id
		}
		ids[name] = fmt.Sprintf("p%d", len(ids))
		text := strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;").Replace(termtext.Clean(name))
		return fmt.Sprintf(`%s["%s"]`, ids[name], text)
	}
	_, _ = w.WriteString("flowchart LR\n\t" + node(t.Name) + "\n")
	for i := range t.Packages {
		p := &t.Packages[i]
		for _, e := range p.Edges {
			to, line := e.Name, " --> "
			if to == "" {
				to = e.Dependency
			}
			if e.Optional {
				line = " -.-> "
			}
			from := node(p.Name)
			_, _ = w.WriteString("\t" + from + line + node(to) + "\n")
		}
	}
}
