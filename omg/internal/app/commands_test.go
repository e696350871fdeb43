package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// TestCommands_ByName checks that a command is created only if its name is among the arguments, and that the help
// creates all commands. Without a command, none is created.
func TestCommands_ByName(t *testing.T) {
	a := &app{}
	for _, c := range allCommands {
		made := c.make(a)
		require.Equal(t, c.name, made.Name)
		require.Equal(t, strings.Fields(c.alias), append([]string{}, made.Aliases...), "the list of commands contains the alias")
		some := a.commandsNamedIn(a.globalFlags(), []string{"omg", "--socket", "x", c.name, "word"})
		require.Len(t, some, 1)
		require.Equal(t, c.name, some[0].Name)
	}
	require.Len(t, a.commandsNamedIn(a.globalFlags(), []string{"omg", "search", "info"}), 2)
	require.Len(t, a.commandsNamedIn(a.globalFlags(), []string{"omg", "audit"}), 1)
	require.Empty(t, a.commandsNamedIn(a.globalFlags(), []string{"omg", "--socket", "x", "--strict"}))
	for _, args := range [][]string{{"omg", "help"}, {"omg", "--help"}, {"omg", "search", "--help"}, {"omg", "nonsense"}, {"omg", "info", "-h"}} {
		require.Len(t, a.commandsNamedIn(a.globalFlags(), args), len(allCommands), "%q", args)
	}
}

// TestFormat_Examples checks that the example in each command's help works.
func TestFormat_Examples(t *testing.T) {
	some := []wire.InstalledPackage{pkg("a")}
	some[0].Groups = []string{"g"}
	f := fake{
		search:    &wire.SearchResult{Total: 1, Packages: []wire.Package{some[0].Package}},
		info:      &wire.InfoResult{Packages: []wire.Package{some[0].Package}},
		installed: &wire.InstalledResult{Packages: some},
		outdated:  &wire.OutdatedResult{Updates: []wire.Update{{Name: "a", Installed: "1", Version: "2"}}},
		doctor:    &backend.Checks{Checks: []backend.Check{{Name: "clock", State: backend.CheckStateOK}}},
		health:    &wire.HealthResult{State: "ok", Components: []wire.Component{{Name: "socket", State: "ok"}}},
		which:     &backend.ActiveVersions{Runtimes: []wire.Runtime{{Runtime: "node", Version: "20.1.0", Manager: "omg"}}},
		list:      &backend.InstalledVersions{Versions: []backend.RuntimeVersion{{Runtime: "node", Version: "20.1.0", Manager: "omg"}}},
		use:       &backend.UseResult{RuntimeVersion: backend.RuntimeVersion{Runtime: "node", Version: "20.1.0"}, ActiveNow: wire.Runtime{Version: "20.1.0"}},
		security: &wire.SecurityResult{Packages: []wire.VulnerablePackage{{
			Name: "a", Severity: "High", Advisories: []wire.Advisory{{Name: "AVG-1", Severity: "High", Counted: true}},
		}}},
		news:   &wire.NewsResult{Items: []wire.NewsItem{{NewsHeadline: wire.NewsHeadline{ID: "a", Title: "T", PublishedAt: 1}}}},
		status: &wire.StatusResult{}, refresh: &wire.RefreshResult{}, clearCache: &wire.CacheClearResult{},
		files:  &backend.FilesResult{Packages: []backend.FileList{{Name: "a", Files: []string{"/a"}}}},
		config: &backend.Configuration{Settings: []backend.Setting{{Key: "a.b", Value: "x", Origin: "default"}}},
		owns:   &backend.Owners{Paths: []backend.OwnedPath{{Path: "/a", Owners: []backend.Owner{{Name: "a", Version: "1"}}}}},
		size:   &backend.SizeResult{Packages: []backend.PackageSize{{Name: "a", Size: 1}}},
		system: &backend.SystemCheck{Problems: []backend.SystemProblem{{Kind: backend.ProblemReboot}}},
		pkgs:   &backend.PackageHistory{Transactions: []backend.Transaction{{Changes: []backend.PackageChange{{Action: "installed", Name: "a", New: "1"}}}}},
		tree: &backend.TreeResult{Name: "a", Packages: []backend.TreePackage{
			{Name: "a", Edges: []backend.TreeEdge{{Name: "b", Dependency: "b"}}}, {Name: "b", Distance: 1, Edges: []backend.TreeEdge{}},
		}},
		why: &backend.WhyResult{Name: "a", Chains: []backend.DependencyChain{{Links: []backend.ChainLink{{Name: "a"}}}}},
	}
	f.inventory = &inventory.Inventory{Host: "h"}
	f.aurLog = &backend.AURLogResult{Events: []backend.AUREvent{orphanedEvent}}
	f.cmds = &wire.CommandResult{Basis: lists("ok"), Commands: []wire.CommandOwner{{Command: "a", RepositoryPackage: ripgrep, Path: "usr/bin/a"}}}
	for _, c := range allCommands {
		line := c.name
		switch c.name {
		case "search", "info", "files", "owns", "command", "why", "tree":
			line += " a"
		case "aur":
			line += " log other"
		case "cache":
			line += " clear"
		case "runtime":
			line += " list"
		case "use":
			line += " node 20"
		case "metrics":
			continue // omg metrics has no flag --format: it always prints the text format of Prometheus
		case "browse":
			continue // omg-browse prints
		case "setup":
			continue // omg setup asks questions, and its output is for people
		case "daemon":
			continue // daemon status does not use the backend
		}
		_, help, _ := fake{}.run(t, append(strings.Fields(line), "--help")...)
		_, example, found := strings.Cut(strings.Join(strings.Fields(help), " "), "over the JSON fields: '")
		require.True(t, found, line)
		example, _, _ = strings.Cut(example, "' --")
		code, out, stderr := f.run(t, append(strings.Fields(line), "--format", example)...)
		want := exit.OK
		if line == "check" {
			want = exit.Degraded // it prints problems only
		}
		require.Equal(t, want, code, "%s --format '%s': %s", line, example, stderr)
		require.Equal(t, 1, strings.Count(out, "\n"), line)
	}
	code, _, stderr := f.run(t, "status", "--format", "{{.name}}")
	require.Equal(t, exit.Usage, code)
	require.Contains(t, stderr, "omg: hint: --json shows the names of the fields\n")
}
