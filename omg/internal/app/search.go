package app

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// defaultTerminalResultCount is the default number of results on a terminal.
const defaultTerminalResultCount = 50

// searchOptions holds the flags of omg search.
type searchOptions struct {
	outputOptions
	regex, nameOnly               bool
	limit                         int
	repos                         cli.StringSlice
	aurOnly, noAUR, live, offline bool
	explain                       bool
	sortOrder                     string
}

func searchCommand(a *app) *cli.Command {
	o := &searchOptions{}
	return &cli.Command{
		Name:      "search",
		Usage:     "find packages that contain every word, like pacman -Ss",
		ArgsUsage: "WORD...",
		Description: `Finds the packages whose name, description, provides or groups contain every word.
Words are literal, and upper and lower case are the same. A prefix limits a word to
one field: with name:, desc:, provides: and group:, the field must contain the word;
with depends:, maint:, keyword: and group:=, a value of the field must equal the word.
repo: selects one repository, and not: leaves out the packages that contain the word.
is:installed and is:explicit find what is installed, or was installed explicitly.

The best match comes first: the package with that name, then names that begin with the
word, and so on. At the same place, packages of the AUR come after those of the
repositories. A package of the AUR that is also in a repository is marked as shadowed.
--explain prints why a package stands where it does. If the only word is a command, and
no package has this name, omg also says which packages bring the command.

On a terminal, the best match is the last one, next to the prompt, if the results do not
fit on the screen. The setting search.order changes this: auto, best-first or best-last.

` + exitCodesHelp(exit.Network),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "regex", Aliases: []string{"x"}, Destination: &o.regex, Usage: "words are POSIX extended regular expressions"},
			&cli.BoolFlag{Name: "name", Aliases: []string{"n"}, Destination: &o.nameOnly, Usage: "search names only"},
			&cli.IntFlag{Name: "limit", Destination: &o.limit, Usage: "show at most `N` packages, 0 for all", DefaultText: "50 on a terminal, otherwise all"},
			&cli.StringSliceFlag{Name: "repo", Destination: &o.repos, Usage: "only the repository `NAME` (repeatable)"},
			&cli.BoolFlag{Name: "aur", Destination: &o.aurOnly, Usage: "only the AUR"},
			&cli.BoolFlag{Name: "no-aur", Destination: &o.noAUR, Usage: "only the repositories"},
			&cli.BoolFlag{Name: "live", Destination: &o.live, Usage: "query the AUR's server instead of omgd's copy of its data"},
			&cli.BoolFlag{Name: "offline", Destination: &o.offline, Usage: "do not query the AUR's server"},
			&cli.StringFlag{Name: "sort", Destination: &o.sortOrder, Usage: "sort by `ORDER`: relevance, name or repo; for the AUR also votes, popularity or modified", Value: wire.SortRelevance},
			&cli.BoolFlag{Name: "explain", Destination: &o.explain, Usage: "print below each package why it stands where it does"},
		}, o.listFlags(packageTemplateExample)...),
		Action: func(c *cli.Context) error { return a.runSearch(c, o) },
	}
}

// request returns the request for the flags and arguments.
func (o *searchOptions) request(c *cli.Context, terminal bool) (*wire.SearchRequest, error) {
	r := &wire.SearchRequest{
		Words: o.words(c.Args().Slice()), Regex: o.regex, NameOnly: o.nameOnly, Repos: o.repos.Value(), Sort: o.sortOrder,
		NoAUR: o.noAUR, Live: o.live, Offline: o.offline, Explain: o.explain,
	}
	switch {
	case o.aurOnly && o.noAUR:
		return nil, command.Usagef("--aur and --no-aur exclude each other")
	case o.aurOnly && len(r.Repos) > 0:
		return nil, command.Usagef("--aur and --repo exclude each other: to search the AUR too, add --repo aur")
	case o.live && o.offline:
		return nil, command.Usagef("--live and --offline exclude each other")
	case o.aurOnly:
		r.OnlyAUR = true
		r.Repos = []string{wire.SourceAUR} // needed by earlier versions of omgd, which do not know OnlyAUR
	}
	if len(r.Words) == 0 && len(r.Repos) == 0 {
		return nil, command.Usagef("search needs at least one word, e.g. omg search firefox")
	}
	if err := checkLimit(o.limit); err != nil {
		return nil, err
	}
	r.Limit = uint32(o.limit)
	if !c.IsSet("limit") && terminal && !o.json {
		r.Limit = defaultTerminalResultCount
	}
	return r, nil
}

// words returns the words without spaces and quotation marks around them, which a shell leaves there if they are quoted twice. Expressions
// stay as they are.
func (o *searchOptions) words(args []string) []string {
	words := slices.Clone(args)
	for i, word := range words {
		if trimmed := strings.Trim(word, " \t\n\""); trimmed != "" && !o.regex {
			words[i] = trimmed
		}
	}
	return words
}

// matches returns the words of a search that are marked in the results: those that are searched in names and descriptions. Expressions
// are not marked.
func (o *searchOptions) matches(r *wire.SearchRequest) (words []string) {
	if o.regex {
		return nil
	}
	for _, word := range r.Words {
		if prefix, rest, found := strings.Cut(word, ":"); found && (prefix == "name" || prefix == "desc") {
			word = rest
		}
		if word != "" {
			words = append(words, strings.ToLower(word))
		}
	}
	return words
}

func (a *app) runSearch(c *cli.Context, o *searchOptions) error {
	terminal := command.IsTerminal(a.stdout)
	req, err := o.request(c, terminal)
	if err != nil {
		return err
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	print, beforeWait := out.style.PrintSearchResult, out.flushBeforeWait
	results := newSearchPrinter(out)
	if results != nil {
		print, beforeWait = results.print, results.beforeWait
		out.style.Matches = o.matches(req)
	}
	shown := 0
	packages := []wire.Package{}
	all, err := a.newBackend().Search(c.Context, req, func(p *wire.Package) error {
		shown++
		return out.printPackage(p, &packages, print)
	}, beforeWait)
	if err != nil {
		return err
	}
	if results != nil {
		results.finish()
	}
	all.Packages, all.Close = packages, wire.SuggestedNames(all.Suggestions)
	if out.json {
		if err := out.printDocument(all); err != nil {
			return err
		}
	}
	if err := out.finishWithBasis(&all.Basis); err != nil {
		return err
	}
	aur := wire.SourceState("")
	if len(req.Repos) == 0 && !req.NoAUR || slices.Contains(req.Repos, wire.SourceAUR) {
		aur = a.noteAUR(all.Sources)
	}
	if more := int(all.Total) - shown; more > 0 && terminal {
		a.printNote(fmt.Sprintf("%d more; --limit 0 shows all", more))
	}
	if text := describeCommand(req, all.Suggestions); text != "" && terminal && all.Total > 0 && !out.json {
		a.printNote(text)
	}
	if all.Total > 0 {
		return nil
	}
	return nothingFound(req, all, aur == wire.SourceFailed)
}

// nothingFound returns the error of a search without results. If a source that could have results is missing, the error
// has the exit code of a failure.
func nothingFound(req *wire.SearchRequest, all *wire.SearchResult, aurFailed bool) error {
	nothing := &exit.Error{Code: exit.NotFound, Err: fmt.Errorf("nothing found for %s", output.QuoteWords(req.Words)), Hint: describeCommand(req, all.Suggestions)}
	switch {
	case all.Partial:
		nothing.Code, nothing.Err = exit.Failed, fmt.Errorf("%w in the sources that could be read", nothing.Err)
	case aurFailed:
		nothing.Code, nothing.Err = exit.Failed, fmt.Errorf("%w, and the AUR could not be searched", nothing.Err)
	case len(req.Repos) > 0:
		// The hint "did you mean" is left out, because a suggestion may be the requested name in another repository.
		nothing.Err = fmt.Errorf("%w in %s", nothing.Err, strings.Join(req.Repos, ", "))
	case nothing.Hint != "":
	case !req.Regex && slices.ContainsFunc(req.Words, looksLikeExpression):
		nothing.Hint = "the words are literal: -x reads them as regular expressions"
	case len(all.Suggestions) > 0:
		nothing.Hint = "did you mean: " + strings.Join(wire.SuggestedNames(all.Suggestions), " ")
	}
	return nothing
}

// describeCommand returns a text that says which packages bring a command that is the only word of a search. It is empty if there are none.
func describeCommand(req *wire.SearchRequest, suggestions []wire.Suggestion) string {
	names := wire.PackagesWithCommand(suggestions)
	if len(names) == 0 {
		return ""
	}
	return strings.Join(req.Words, " ") + " is a command of " + strings.Join(names, ", ")
}

// looksLikeExpression reports whether a word is probably meant as a regular expression.
func looksLikeExpression(word string) bool {
	return strings.ContainsAny(word, "|^$*") || strings.Contains(word, ".+") || strings.HasPrefix(word, "[")
}

// printPackage prints a package that search or info found. With --json, pkg only appends the package to the slice found, because
// the packages are printed later, as one document.
func (o *resultPrinter) printPackage(p *wire.Package, found *[]wire.Package, human func(*bufio.Writer, *wire.Package)) error {
	if o.json {
		*found = append(*found, *p)
		return nil
	}
	return o.printElement(p, o.safeRepoPackageName(p), func(w *bufio.Writer) { human(w, p) })
}

// forNames returns the end of a note about the names on a command line. It is empty without names.
func forNames(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " for " + output.QuoteWords(names)
}
