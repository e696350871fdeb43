package app

import (
	"bufio"
	"cmp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/command"
)

// defaultSizeCount is the default number of packages or groups that omg size shows on a terminal.
const defaultSizeCount = 20

// sizeOptions holds the flags of omg size.
type sizeOptions struct {
	outputOptions
	groups, explicit bool
	by               string
	limit            int
}

func sizeCommand(a *app) *cli.Command {
	o := &sizeOptions{}
	return &cli.Command{
		Name:      "size",
		Usage:     "show how much space packages take, and what only they need",
		ArgsUsage: "[PKG...]",
		Description: `For each package, the first number is its installed size. The second number is the size
of what pacman -Rs would remove: the package, and the dependencies that nothing else
needs. Without PKG, the packages with the largest second number come first. With PKG,
only these packages are shown, with the names of these dependencies.

With --groups, the sizes of the packages of each group are added up.

` + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "groups", Aliases: []string{"g"}, Destination: &o.groups, Usage: "show the sizes of groups"},
			&cli.BoolFlag{Name: "explicit", Aliases: []string{"e"}, Destination: &o.explicit, Usage: "only explicitly installed packages"},
			&cli.StringFlag{Name: "by", Destination: &o.by, Usage: "sort by `ORDER`: removed, size or name", Value: "removed"},
			&cli.IntFlag{Name: "limit", Destination: &o.limit, Usage: "show at most `N` lines, 0 for all", DefaultText: "20 on a terminal, otherwise all"},
		}, o.listFlags("{{.name}} {{.size}}")...),
		Action: func(c *cli.Context) error { return a.runSize(c, o) },
	}
}

func (o *sizeOptions) check(c *cli.Context) error {
	switch {
	case !slices.Contains([]string{"removed", "size", "name"}, o.by):
		return command.Usagef("--by must be removed, size or name, not %q", o.by)
	case o.groups && c.Args().Present():
		return command.Usagef("--groups cannot be combined with names of packages")
	case o.groups && c.IsSet("by") && o.by == "removed":
		return command.Usagef("--groups cannot be sorted by removed")
	}
	return checkLimit(o.limit)
}

func (a *app) runSize(c *cli.Context, o *sizeOptions) error {
	if err := o.check(c); err != nil {
		return err
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	names := c.Args().Slice()
	all, err := a.newBackend().Size(c.Context, names)
	if err != nil {
		return err
	}
	if o.explicit {
		all.Packages = slices.DeleteFunc(all.Packages, func(p backend.PackageSize) bool { return p.Reason != "explicit" })
	}
	limit := o.limit
	if !c.IsSet("limit") && len(names) == 0 && out.isForPeople() {
		limit = defaultSizeCount
	}
	count := len(all.Packages)
	if o.groups {
		count, err = out.printGroupSizes(all, o.by, limit)
	} else {
		err = out.printPackageSizes(all, o.by, limit, len(names) > 0)
	}
	read := basisFromReading(all.Reading)
	if err == nil {
		err = out.finishWithBasis(read)
	}
	if err == nil {
		err = a.notInstalledError(all.Missing, read)
	}
	if err != nil {
		return err
	}
	return out.emptyListError(read, count, "nothing to show")
}

// firstN returns the first elements of a list; all if limit is 0.
func firstN[T any](list []T, limit int) []T {
	if limit == 0 {
		return list
	}
	return list[:min(limit, len(list))]
}

func (o *resultPrinter) printPackageSizes(all *backend.SizeResult, by string, limit int, isNamed bool) error {
	slices.SortStableFunc(all.Packages, func(a, b backend.PackageSize) int {
		switch by {
		case "name":
			return strings.Compare(a.Name, b.Name)
		case "size":
			return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Name, b.Name))
		}
		return cmp.Or(cmp.Compare(b.RemovedSize, a.RemovedSize), strings.Compare(a.Name, b.Name))
	})
	all.Packages = firstN(all.Packages, limit)
	if o.isForPeople() && len(all.Packages) > 0 {
		o.style.PrintSizeHeader(o.w, false)
	}
	err := printList(o, all, all.Packages, func(p *backend.PackageSize) string { return o.safePackageName(p.Name) },
		func(w *bufio.Writer, p *backend.PackageSize) { o.style.PrintPackageSize(w, p, isNamed) })
	if err == nil && o.isForPeople() && len(all.Packages) > 0 {
		o.style.PrintTotalSize(o.w, all)
	}
	return err
}

func (o *resultPrinter) printGroupSizes(all *backend.SizeResult, by string, limit int) (count int, err error) {
	index := map[string]int{}
	groups := []backend.GroupSize{}
	for i := range all.Packages {
		p := &all.Packages[i]
		slices.Sort(p.Groups)
		for _, name := range slices.Compact(p.Groups) {
			at, ok := index[name]
			if !ok {
				at = len(groups)
				index[name] = at
				groups = append(groups, backend.GroupSize{Name: name})
			}
			groups[at].Size += p.Size
			groups[at].PackageCount++
		}
	}
	slices.SortFunc(groups, func(a, b backend.GroupSize) int {
		if by == "name" {
			return strings.Compare(a.Name, b.Name)
		}
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Name, b.Name))
	})
	groups = firstN(groups, limit)
	if o.isForPeople() && len(groups) > 0 {
		o.style.PrintSizeHeader(o.w, true)
	}
	return len(groups), printList(o, &backend.GroupSizes{Reading: all.Reading, Groups: groups}, groups, func(g *backend.GroupSize) string { return o.safePackageName(g.Name) }, o.style.PrintGroupSize)
}
