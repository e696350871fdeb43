package app

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// treeOptions holds the flags of omg tree.
type treeOptions struct {
	outputOptions
	reverse, optional, sync, unique, ascii, dot, mermaid bool
	depth                                                int
}

func treeCommand(a *app) *cli.Command {
	o := &treeOptions{}
	return &cli.Command{
		Name:      "tree",
		Usage:     "show what a package needs, or what needs it, as a tree",
		ArgsUsage: "PKG",
		Description: `Shows the packages that the installed package PKG needs, and what these need, like
pactree. A dependency on a name that a package provides is shown with that name. Each
package that satisfies a dependency is shown, and its own dependencies are shown once.
A dependency that no installed package satisfies is marked.

With --sync, the packages are those that pacman would install from the repositories.
With --format and --json, each line or edge is one dependency.

` + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "reverse", Aliases: []string{"r"}, Destination: &o.reverse, Usage: "show the packages that need PKG"},
			&cli.IntFlag{Name: "depth", Aliases: []string{"d"}, Destination: &o.depth, Usage: "show at most `N` levels below PKG", Value: -1, DefaultText: "all"},
			&cli.BoolFlag{Name: "optional", Aliases: []string{"o"}, Destination: &o.optional, Usage: "also follow optional dependencies"},
			&cli.BoolFlag{Name: "sync", Aliases: []string{"s"}, Destination: &o.sync, Usage: "use the packages of the repositories"},
			&cli.BoolFlag{Name: "unique", Aliases: []string{"u"}, Destination: &o.unique, Usage: "print the name of each package once, like --quiet"},
			&cli.BoolFlag{Name: "ascii", Destination: &o.ascii, Usage: "draw the tree with ASCII characters"},
			&cli.BoolFlag{Name: "dot", Destination: &o.dot, Usage: "print the tree for Graphviz"},
			&cli.BoolFlag{Name: "mermaid", Destination: &o.mermaid, Usage: "print the tree for Mermaid"},
		}, o.listFlags("{{.from}} {{.name}}")...),
		Action: func(c *cli.Context) error { return a.runTree(c, o) },
	}
}

func (a *app) runTree(c *cli.Context, o *treeOptions) error {
	if c.NArg() != 1 {
		return command.Usagef("tree needs the name of one package, e.g. omg tree bash")
	}
	if c.IsSet("depth") && (o.depth < 0 || o.depth > 1<<31-1) {
		return command.Usagef("--depth must be 0 or more, not %d", o.depth)
	}
	o.quiet = o.quiet || o.unique
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	if o.dot && o.mermaid || (o.dot || o.mermaid) && (out.json || out.quiet || out.tmpl != nil) {
		return command.Usagef("--dot, --mermaid, --quiet, --json and --format exclude each other")
	}
	out.usePager()
	all, err := a.newBackend().Tree(c.Context, &backend.TreeRequest{
		Name: c.Args().First(), Reverse: o.reverse, FromRepositories: o.sync, Optional: o.optional, MaxDepth: o.depth,
	})
	if err != nil {
		return err
	}
	if all.Name == "" {
		if err := out.finishWithBasis(&all.Basis); err != nil {
			return err
		}
		return a.noTreeError(c.Args().First(), o, all)
	}
	tree := &show.Tree{TreeResult: all, Reverse: o.reverse, FromRepositories: o.sync}
	switch {
	case o.dot:
		out.style.PrintDot(out.w, tree)
	case o.mermaid:
		out.style.PrintMermaid(out.w, tree)
	case out.json:
		err = out.printDocument(all)
	case out.quiet:
		err = printList(out, all, all.Packages, func(p *backend.TreePackage) string { return out.safePackageName(p.Name) }, nil)
	case out.tmpl != nil:
		edges := treeEdges(all)
		err = printList(out, all, edges, func(e *treeEdge) string { return out.safePackageName(e.Name) }, nil)
	default:
		out.style.PrintTree(out.w, tree, !o.ascii && show.HasUnicode(os.Getenv))
	}
	if err != nil {
		return err
	}
	return out.finishWithBasis(&all.Basis)
}

// noTreeError returns the error for a package that was not found.
func (a *app) noTreeError(name string, o *treeOptions, all *backend.TreeResult) error {
	if !o.sync {
		return a.notInstalledError([]string{name}, &all.Basis)
	}
	err := fmt.Errorf("no repository has or provides the package %q", name)
	if all.Partial {
		return exit.WithCode(exit.Failed, fmt.Errorf("%w, as far as they could be read", err))
	}
	return exit.WithCode(exit.NotFound, err)
}

// treeEdge is an edge of a tree, for --format.
type treeEdge struct {
	From     string `json:"from"`
	Distance int    `json:"distance"`
	backend.TreeEdge
}

// treeEdges returns the edges that lead to a package.
func treeEdges(all *backend.TreeResult) (edges []treeEdge) {
	for i := range all.Packages {
		p := &all.Packages[i]
		for _, e := range p.Edges {
			if e.Name != "" {
				edges = append(edges, treeEdge{p.Name, p.Distance + 1, e})
			}
		}
	}
	return edges
}
