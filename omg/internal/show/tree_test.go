package show

import (
	"bufio"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
)

func exampleTree() *Tree {
	edge := func(name, dependency string) backend.TreeEdge {
		return backend.TreeEdge{Name: name, Dependency: dependency}
	}
	return &Tree{TreeResult: &backend.TreeResult{Name: "bash", Packages: []backend.TreePackage{
		{Name: "bash", Edges: []backend.TreeEdge{edge("readline", "libreadline.so=8-64"), edge("glibc", "glibc>=2.36"), {Dependency: "absent"}}},
		{Name: "readline", Distance: 1, Edges: []backend.TreeEdge{edge("glibc", "glibc"), edge("ncurses", "ncurses")}},
		{Name: "glibc", Distance: 1, Edges: []backend.TreeEdge{edge("bash", "sh")}}, // a cycle
		{Name: "ncurses", Distance: 2, Edges: []backend.TreeEdge{{Name: "glibc", Dependency: "glibc", Optional: true}}},
	}}}
}

func TestTree(t *testing.T) {
	shown := write(func(w *bufio.Writer) { Style{}.PrintTree(w, exampleTree(), true) })
	require.Equal(t, `bash
├─readline provides libreadline.so=8-64
│ ├─glibc
│ └─ncurses
│   └─glibc [optional]
├─glibc
│ └─bash provides sh
└─absent [not installed]
`, shown)
	ascii := write(func(w *bufio.Writer) { Style{}.PrintTree(w, exampleTree(), false) })
	require.Equal(t, strings.NewReplacer("├─", "|-", "└─", "`-", "│", "|").Replace(shown), ascii)
	reverse := &Tree{Reverse: true, FromRepositories: true, TreeResult: &backend.TreeResult{Name: "readline", Packages: []backend.TreePackage{
		{Name: "readline", Edges: []backend.TreeEdge{{Name: "bash", Dependency: "libreadline.so=8-64"}, {Name: "gdb", Dependency: "readline>=7"}}},
	}}}
	require.Equal(t, "readline\n|-bash requires libreadline.so=8-64\n`-gdb\n", write(func(w *bufio.Writer) { Style{}.PrintTree(w, reverse, false) }))
}

func TestTree_Marks(t *testing.T) {
	tree := exampleTree()
	tree.Mark = func(e *backend.TreeEdge, above []string) string {
		if slices.Contains(above, e.Name) {
			return "below " + strings.Join(above, " ")
		}
		return ""
	}
	var names []string
	shown := write(func(w *bufio.Writer) { names = Style{}.PrintTree(w, tree, true) })
	require.Contains(t, shown, "└─bash provides sh [below bash glibc]\n")
	require.Equal(t, 1, strings.Count(shown, "[below"))
	require.Equal(t, []string{"bash", "readline", "glibc", "ncurses", "glibc", "glibc", "bash", "absent"}, names)
	require.Equal(t, strings.Count(shown, "\n"), len(names))
}

func TestTree_Graphs(t *testing.T) {
	hostile := &Tree{TreeResult: &backend.TreeResult{Name: `a"b\`, Packages: []backend.TreePackage{
		{Name: `a"b\`, Edges: []backend.TreeEdge{{Name: "c\x1b]<script>", Dependency: "c"}, {Dependency: "x#"}, {Name: "d", Dependency: "d", Optional: true}}},
	}}}
	require.Equal(t, "digraph \"a\\\"b\\\\\" {\n\tnode [shape=box];\n\t\"a\\\"b\\\\\";\n\t\"a\\\"b\\\\\" -> \"c\ufffd]<script>\";\n"+
		"\t\"a\\\"b\\\\\" -> \"x#\" [color=red];\n\t\"a\\\"b\\\\\" -> \"d\" [style=dashed];\n}\n", write(func(w *bufio.Writer) { Style{}.PrintDot(w, hostile) }))
	require.Equal(t, "flowchart LR\n\tp0[\"a#quot;b\\\"]\n\tp0 --> p1[\"c\ufffd]#lt;script#gt;\"]\n\tp0 --> p2[\"x#35;\"]\n\tp0 -.-> p3[\"d\"]\n",
		write(func(w *bufio.Writer) { Style{}.PrintMermaid(w, hostile) }))
}

func TestHasUnicode(t *testing.T) {
	for environment, want := range map[string]bool{
		"": false, "LANG=C": false, "LANG=de_DE.UTF-8": true, "LANG=de_DE.utf8 LC_ALL=C": false, "LC_CTYPE=en_US.UTF-8 LANG=C": true,
	} {
		getenv := func(name string) string {
			for _, f := range strings.Fields(environment) {
				if value, ok := strings.CutPrefix(f, name+"="); ok {
					return value
				}
			}
			return ""
		}
		require.Equal(t, want, HasUnicode(getenv), environment)
	}
}
