package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/manage"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fieldtemplate"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// fill sets every field of a value to something other than its zero value, so that JSON omits no field.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Interface:
		v.Set(reflect.ValueOf("x"))
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	default:
		v.SetUint(1)
	}
}

func full[R any]() *R {
	r := new(R)
	fill(reflect.ValueOf(r).Elem())
	return r
}

// fullBackend returns a backend whose results have every field.
func fullBackend() fake {
	f := fake{
		search: full[wire.SearchResult](), info: full[wire.InfoResult](), status: full[wire.StatusResult](),
		installed: full[wire.InstalledResult](), explicit: full[wire.ExplicitResult](), outdated: full[wire.OutdatedResult](),
		security: full[wire.SecurityResult](), history: full[wire.HistoryResult](), health: full[wire.HealthResult](),
		refresh: full[wire.RefreshResult](), sources: full[wire.RefreshSourcesResult](), clearCache: full[wire.CacheClearResult](), logLevel: full[wire.LogLevelResult](),
		owns: full[backend.Owners](), files: full[backend.FilesResult](), why: full[backend.WhyResult](), size: full[backend.SizeResult](), pkgs: full[backend.PackageHistory](), system: full[backend.SystemCheck](), config: full[backend.Configuration](),
		doctor: full[backend.Checks](), which: full[backend.ActiveVersions](), list: full[backend.InstalledVersions](), use: full[backend.UseResult](),
	}
	f.tree, f.aurLog, f.check, f.diff, f.devel = full[backend.TreeResult](), full[backend.AURLogResult](), full[backend.AURCheckResult](), full[backend.AURDiff](), full[backend.DevelResult]()
	f.owners, f.lists, f.cmds = full[wire.FilesOwnerResult](), full[wire.FilesListResult](), full[wire.CommandResult]()
	f.news, f.inventory = full[wire.NewsResult](), full[inventory.Inventory]()
	f.news.Items[0].PublishedAt = 2 // unread
	// The missing name x is found among the installed packages, the missing name y is not.
	f.info.Missing = append(f.info.Missing, wire.MissingName{Name: "y", IsGroup: true, Providers: []string{"z"}, Suggestions: []wire.Suggestion{{Name: "z", Reason: wire.SuggestionSpelling}}})
	return f
}

// fieldPaths adds the names of all fields in a JSON document to the map names.
func fieldPaths(prefix string, v any, names map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			names[prefix+key] = true
			fieldPaths(prefix+key+".", inner, names)
		}
	case []any:
		for _, inner := range v {
			fieldPaths(strings.TrimSuffix(prefix, ".")+"[].", inner, names)
		}
	}
}

// arguments maps the name of a command to the arguments that the command needs.
var arguments = map[string][]string{
	"search": {"x"}, "info": {"x"}, "owns": {"/x"}, "owns --repos": {"/x"}, "command": {"x"}, "tree": {"x"}, "aur diff": {"x"}, "info --installed": {"x"}, "files": {"x"}, "why": {"x"}, "use": {"node", "20"}, "runtime use": {"node", "20"}, "aur ack": {"--list"},
}

// TestFields_Stay checks that the fields that scripts rely on are still in each command's JSON and in --format.
func TestFields_Stay(t *testing.T) {
	text, err := os.ReadFile("testdata/fields-93bf6e3.txt")
	require.NoError(t, err)
	checked := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		head, names, found := strings.Cut(line, ": ")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		checked++
		way, command, _ := strings.Cut(head, " ")
		fields := strings.Fields(names)
		require.NotEmpty(t, fields, line)
		if command == "daemon status" { // daemon status does not use the backend
			daemonFields(t, way, fields)
			continue
		}
		args := append(strings.Fields(command), arguments[command]...)
		if way == "format" {
			f := fullBackend()
			f.outdated.Foreign, f.info.Missing = nil, nil // the elements of these two lists lack fields that the template uses
			code, out, stderr := f.run(t, append(args, "--format", "{{."+strings.Join(fields, "}}{{.")+"}}")...)
			require.NotEqual(t, exit.Usage, code, "%s: %s", command, stderr)
			require.NotEmpty(t, strings.TrimSpace(out), command)
			continue
		}
		_, out, stderr := fullBackend().run(t, append(args, "--json")...)
		var document any
		require.NoError(t, json.Unmarshal([]byte(out), &document), "%s: %s%s", command, out, stderr)
		now := map[string]bool{}
		fieldPaths("", document, now)
		for _, field := range fields {
			require.Contains(t, now, field, "%s --json", command)
		}
	}
	require.Greater(t, checked, 40)
}

func daemonFields(t *testing.T, way string, fields []string) {
	t.Helper()
	if way == "format" {
		named, err := fieldtemplate.FieldValues(full[manage.DaemonStatus]())
		require.NoError(t, err)
		for _, field := range fields {
			require.Contains(t, named, field)
		}
		return
	}
	var b bytes.Buffer
	out := &resultPrinter{w: bufio.NewWriter(&b)}
	require.NoError(t, out.printDocument(full[manage.DaemonStatus]()))
	require.NoError(t, out.w.Flush())
	var document any
	require.NoError(t, json.Unmarshal(b.Bytes(), &document))
	now := map[string]bool{}
	fieldPaths("", document, now)
	for _, field := range fields {
		require.Contains(t, now, field)
	}
}

var (
	embeddedType = regexp.MustCompile(`(?m)^It has all fields of \[(\w+)\]`)
	documentRow  = regexp.MustCompile("(?m)^\\| `omg ([^`]+)` \\| \\[(\\w+)\\]")
	fieldRow     = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ((?:list of |object with )?)(?:\\[(\\w+)\\])?")
)

// TestFields_Documented checks that docs/json.md has each field that a command prints.
func TestFields_Documented(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir()) // aur ack reads a file in it
	text, err := os.ReadFile("../../../docs/json.md")
	require.NoError(t, err)
	types := map[string]string{}
	parts := strings.Split(string(text), "\n## ")
	for _, part := range parts[1:] {
		title, rows, _ := strings.Cut(part, "\n")
		require.NotContains(t, types, title, "two types have this name")
		types[title] = rows
	}
	var add func(prefix, typ string, names map[string]bool)
	add = func(prefix, typ string, names map[string]bool) {
		require.Contains(t, types, typ)
		for _, other := range embeddedType.FindAllStringSubmatch(types[typ], -1) {
			add(prefix, other[1], names)
		}
		for _, row := range fieldRow.FindAllStringSubmatch(types[typ], -1) {
			names[prefix+row[1]] = true
			if row[3] != "" {
				add(prefix+row[1]+map[bool]string{true: "[]."}[row[2] == "list of "]+map[bool]string{true: "."}[row[2] == ""], row[3], names)
			}
		}
	}
	documents := documentRow.FindAllStringSubmatch(parts[0], -1)
	require.Greater(t, len(documents), 25)
	for _, document := range documents {
		command, typ := document[1], document[2]
		documented := map[string]bool{"schema": true}
		add("", typ, documented)
		if command == "daemon status" { // it does not use the backend
			daemonFields(t, "json", slices.Collect(maps.Keys(documented)))
			continue
		}
		_, out, stderr := fullBackend().run(t, append(append(strings.Fields(command), arguments[command]...), "--json")...)
		var printed any
		require.NoError(t, json.Unmarshal([]byte(out), &printed), "%s: %s%s", command, out, stderr)
		fields := map[string]bool{}
		fieldPaths("", printed, fields)
		require.Greater(t, len(fields), 1, command)
		for name := range fields {
			require.Contains(t, documented, name, "%s --json prints it: run make docs", command)
		}
	}
}

// TestFields_Added checks that JSON contains the fields that describe how reliable a result is.
func TestFields_Added(t *testing.T) {
	for _, command := range []string{"search", "info", "installed", "explicit", "orphans", "foreign", "outdated", "security", "status"} {
		_, out, _ := fullBackend().run(t, append(append(strings.Fields(command), arguments[command]...), "--json")...)
		var document any
		require.NoError(t, json.Unmarshal([]byte(out), &document), out)
		now := map[string]bool{}
		fieldPaths("", document, now)
		for _, field := range []string{"generation", "at", "stale", "why", "partial", "sources[].kind", "sources[].state", "sources[].why", "sources[].outdated"} {
			require.Contains(t, now, field, command)
		}
	}
	_, out, _ := fullBackend().run(t, "status", "--json")
	require.Contains(t, out, `"partial_counts":["x"]`)
	require.Contains(t, out, `"parts":[{"name":"x","state":"x","why":"x"}]`, "the name of the field that scripts use")
	_, out, _ = fullBackend().run(t, "status", "--format", "{{.partial}} {{.partial_counts}}")
	require.Equal(t, "true [x]\n", out)
}

// TestFields_Certain checks that the JSON of a complete result has no fields about its reliability.
func TestFields_Certain(t *testing.T) {
	f := fake{outdated: &wire.OutdatedResult{Basis: wire.Basis{Generation: 1, ConfirmedAt: 2, Sources: []wire.Source{repository("core", wire.SourceOK, "")}}}}
	_, out, _ := f.run(t, "outdated", "--json")
	require.Equal(t, `{"schema":1,"generation":1,"at":2,"sources":[{"name":"core","kind":"repository","state":"ok"}],"updates":[]}`+"\n", out)
}
