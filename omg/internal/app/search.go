package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// terminalLimit is how many results a terminal shows unless asked for more.
const terminalLimit = 50

func searchCommand() *cli.Command {
	return &cli.Command{
		Name:      "search",
		Usage:     "find packages whose name, description, provides or groups have every word",
		ArgsUsage: "WORD...",
		Description: `A word is literal and ignores case. A field narrows it: name:, desc:,
provides: and group: look for the word in that text; depends:, maint: and
keyword: for a value that is the word; repo: keeps one repository.

What the AUR has comes behind what the repositories have, by its votes; a package
that a repository has too is marked as shadowed.

` + exitCodes(exit.Network),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "regex", Aliases: []string{"x"}, Usage: "words are POSIX extended regular expressions"},
			&cli.BoolFlag{Name: "name", Aliases: []string{"n"}, Usage: "look at names only"},
			&cli.IntFlag{Name: "limit", Usage: "show at most `N` packages, 0 for all", DefaultText: "50 on a terminal, else all"},
			&cli.StringSliceFlag{Name: "repo", Usage: "only the repository `NAME` (repeatable)"},
			&cli.BoolFlag{Name: "aur", Usage: "only the AUR"},
			&cli.BoolFlag{Name: "no-aur", Usage: "only the repositories"},
			&cli.BoolFlag{Name: "live", Usage: "ask the AUR itself, whatever is known of it here"},
			&cli.BoolFlag{Name: "offline", Usage: "do not ask the AUR, even if nothing is known of it here"},
			&cli.StringFlag{Name: "sort", Usage: "by `ORDER`: relevance, name, repo, or what the AUR knows: votes, popularity, modified", Value: wire.SortRelevance},
		}, outputFlags(packageTemplate)...),
		Action: search,
	}
}

func search(c *cli.Context) error {
	req := wire.SearchRequest{
		Words: c.Args().Slice(), Regex: c.Bool("regex"), NameOnly: c.Bool("name"),
		Repos: c.StringSlice("repo"), Sort: c.String("sort"), Live: c.Bool("live"), Offline: c.Bool("offline"),
	}
	if err := chooseAUR(c, &req); err != nil {
		return err
	}
	if req.Live && req.Offline {
		return command.Usagef("--live and --offline exclude each other")
	}
	if len(req.Words) == 0 && len(req.Repos) == 0 {
		return command.Usagef("search takes a word to look for")
	}
	terminal := command.IsTerminal(c.App.Writer)
	limit := c.Int("limit")
	switch {
	case limit < 0 || limit > 1<<31-1:
		return command.Usagef("--limit takes a number from 0, not %d", limit)
	case !c.IsSet("limit") && terminal && !c.Bool("json"):
		limit = terminalLimit
	}
	req.Limit = uint32(limit)
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	shown := 0
	packages := []wire.Package{}
	a := asker(c)
	a.Paused = out.pause
	all, err := a.Search(c.Context, &req, func(p *wire.Package) error {
		shown++
		if out.json {
			packages = append(packages, *p)
			return nil
		}
		return out.pkg(p, out.style.Search)
	})
	if err != nil {
		return err
	}
	all.Packages = packages
	if out.json {
		if err := out.document(&all); err != nil {
			return err
		}
	}
	if err := out.end(); err != nil {
		return err
	}
	if len(req.Repos) == 0 && !req.NoAUR || slices.Contains(req.Repos, wire.SourceAUR) {
		noteAUR(c, all.Sources)
	}
	if more := int(all.Total) - shown; more > 0 && terminal {
		command.Note(c.App.ErrWriter, c.App.Name, fmt.Sprintf("%d more; --limit 0 shows all", more))
	}
	if all.Total > 0 {
		return nil
	}
	nothing := &exit.Error{Code: exit.NotFound, Err: fmt.Errorf("nothing found for %s", quoted(req.Words))}
	if len(req.Repos) > 0 {
		// Names that are close may be in other repositories, and be the very same.
		nothing.Err = fmt.Errorf("%w in %s", nothing.Err, strings.Join(req.Repos, ", "))
	} else if len(all.Close) > 0 {
		nothing.Hint = "close names: " + strings.Join(all.Close, " ")
	}
	return nothing
}

// chooseAUR has --aur and --no-aur taken up.
func chooseAUR(c *cli.Context, req *wire.SearchRequest) error {
	only, none := c.Bool("aur"), c.Bool("no-aur")
	switch {
	case only && none:
		return command.Usagef("--aur and --no-aur exclude each other")
	case only && len(req.Repos) > 0:
		return command.Usagef("--aur and --repo exclude each other: --repo aur adds the AUR")
	case only:
		req.Repos = []string{wire.SourceAUR}
	}
	req.NoAUR = none
	return nil
}

// quoted shows words as the user could type them, cut to what fits a line.
func quoted(words []string) string {
	const most = 60
	s := strings.Join(words, " ")
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return "'" + s + "'"
}
