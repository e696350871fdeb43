package manuals

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// jsonResults lists the commands that print JSON, each with the Go type of its document.
var jsonResults = []struct{ command, typ string }{
	{"omg search", "wire.SearchResult"},
	{"omg info", "backend.InfoDocument"},
	{"omg list", "wire.SearchResult"},
	{"omg groups", "backend.GroupsResult"},
	{"omg installed", "wire.InstalledResult"},
	{"omg info --installed", "wire.InstalledResult"},
	{"omg explicit", "wire.InstalledResult"},
	{"omg orphans", "wire.InstalledResult"},
	{"omg foreign", "wire.InstalledResult"},
	{"omg why", "backend.WhyResult"},
	{"omg tree", "backend.TreeResult"},
	{"omg size", "backend.SizeResult"},
	{"omg size --groups", "backend.GroupSizes"},
	{"omg history", "backend.PackageHistory"},
	{"omg check", "backend.SystemCheck"},
	{"omg inventory", "inventory.Inventory"},
	{"omg files", "backend.FilesResult"},
	{"omg owns", "backend.Owners"},
	{"omg owns --repos", "wire.FilesOwnerResult"},
	{"omg command", "wire.CommandResult"},
	{"omg outdated", "wire.OutdatedResult"},
	{"omg outdated --devel", "backend.DevelResult"},
	{"omg security", "wire.SecurityResult"},
	{"omg aur log", "backend.AURLogResult"},
	{"omg aur check", "backend.AURCheckResult"},
	{"omg aur diff", "backend.AURDiff"},
	{"omg aur ack", "app.ackList"},
	{"omg news", "app.newsDocument"},
	{"omg-fleet hosts", "question.Answer"},
	{"omg-fleet status", "question.Answer"},
	{"omg-fleet outdated", "question.Answer"},
	{"omg-fleet security", "question.Answer"},
	{"omg-fleet has", "question.Answer"},
	{"omg-fleet search", "question.Answer"},
	{"omg-fleet aur", "question.Answer"},
	{"omg-fleet watch", "question.Answer"},
	{"omg-fleet aur --json, the last line as of all omg-fleet commands", "question.Summary"},
	{"omg-fleet lookup search", "lookup.SearchAnswer"},
	{"omg-fleet lookup info", "lookup.InfoAnswer"},
	{"omg-fleet lookup command", "lookup.CommandAnswer"},
	{"omg-fleet host list", "roster.AddedHost"},
	{"omg-fleet doctor", "doctor.FleetChecks"},
	{"omg runtime list", "backend.InstalledVersions"},
	{"omg runtime which", "backend.ActiveVersions"},
	{"omg which", "backend.ActiveVersions"},
	{"omg runtime use", "backend.UseResult"},
	{"omg use", "backend.UseResult"},
	{"omg status", "wire.StatusResult"},
	{"omg status --history", "wire.HistoryResult"},
	{"omg watch", "wire.StatusResult"},
	{"omg health", "wire.HealthResult"},
	{"omg doctor", "backend.Checks"},
	{"omg config", "backend.Configuration"},
	{"omg refresh", "wire.RefreshResult"},
	{"omg refresh --sources", "wire.RefreshSourcesResult"},
	{"omg cache clear", "wire.CacheClearResult"},
	{"omg daemon status", "manage.DaemonStatus"},
	{"omg daemon log-level", "wire.LogLevelResult"},
}

// jsonPackages has the directories of the packages with these types, by the names of the packages.
var jsonPackages = map[string]string{
	"wire": "shared/wire", "question": "omg-fleet/internal/question", "roster": "omg-fleet/internal/roster", "lookup": "omg-fleet/internal/lookup", "doctor": "omg-fleet/internal/doctor", "inventory": "shared/inventory", "backend": "omg/internal/backend", "manage": "omg/internal/manage",
	"app": "omg/internal/app", "acks": "omg/internal/acks",
}

// goType is the declaration of a type.
type goType struct {
	pkg  string
	spec *ast.TypeSpec
}

// jsonDocument makes the text about the JSON fields. The meaning of a field is its comment in the source code.
type jsonDocument struct {
	types map[string]*goType
	// constants has the values of the constants that are texts, by their names; values those of a type, in their order.
	constants map[string]string
	values    map[string][]string
	text      strings.Builder
	// written lists the types that have a heading, and queued those that still need one.
	written, queued []string
}

// jsonMarkdown returns the text about the fields of all commands.
func jsonMarkdown(root string) (string, error) {
	d := &jsonDocument{types: map[string]*goType{}, constants: map[string]string{}, values: map[string][]string{}}
	for pkg, dir := range jsonPackages {
		if err := d.readTypes(pkg, filepath.Join(root, dir)); err != nil {
			return "", err
		}
	}
	d.text.WriteString("| command | document |\n| --- | --- |\n")
	for _, r := range jsonResults {
		fmt.Fprintf(&d.text, "| `%s` | %s |\n", r.command, d.link(r.typ))
	}
	for len(d.queued) > 0 {
		next := d.queued[0]
		d.queued = d.queued[1:]
		if err := d.writeType(next); err != nil {
			return "", err
		}
	}
	return d.text.String(), nil
}

// readTypes reads the types of a package.
func (d *jsonDocument) readTypes(pkg, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("%s has no source code: %w", dir, err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if g, ok := decl.(*ast.GenDecl); ok {
				for _, spec := range g.Specs {
					d.readSpec(pkg, spec)
				}
			}
		}
	}
	return nil
}

// readSpec reads the declaration of a type, or of a constant that is a text.
func (d *jsonDocument) readSpec(pkg string, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		d.types[pkg+"."+spec.Name.Name] = &goType{pkg, spec}
	case *ast.ValueSpec:
		for i, value := range spec.Values {
			literal, ok := value.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				continue
			}
			text, _ := strconv.Unquote(literal.Value)
			d.constants[spec.Names[i].Name] = text
			if typ := typeName(pkg, spec.Type); typ != "" {
				d.values[typ] = append(d.values[typ], "`"+text+"`")
			}
		}
	}
}

// structOf returns the fields of a struct type, or nil for another type.
func (d *jsonDocument) structOf(name string) *ast.StructType {
	t := d.types[name]
	if t == nil {
		return nil
	}
	if s, ok := t.spec.Type.(*ast.StructType); ok {
		return s
	}
	if id, ok := t.spec.Type.(*ast.SelectorExpr); ok { // an alias of another package's type
		return d.structOf(id.X.(*ast.Ident).Name + "." + id.Sel.Name)
	}
	return nil
}

// link returns a link to the heading of a type, and remembers that the type needs one.
func (d *jsonDocument) link(name string) string {
	if !slices.Contains(d.written, name) {
		d.written, d.queued = append(d.written, name), append(d.queued, name)
	}
	title := jsonTitle(name)
	return "[" + title + "](#" + strings.ToLower(title) + ")"
}

// jsonTitle returns the heading of a type: its name, with an upper-case letter first.
func jsonTitle(name string) string {
	name = name[strings.Index(name, ".")+1:]
	return strings.ToUpper(name[:1]) + name[1:]
}

// writeType writes the heading of a type, and a table of its fields.
func (d *jsonDocument) writeType(name string) error {
	s := d.structOf(name)
	if s == nil {
		return fmt.Errorf("the JSON type %s is not a struct in %v", name, jsonPackages)
	}
	fmt.Fprintf(&d.text, "\n## %s\n\n", jsonTitle(name))
	pkg, _, _ := strings.Cut(name, ".")
	for _, f := range s.Fields.List {
		if key, _ := jsonKey(f); key == "" && len(f.Names) == 0 {
			fmt.Fprintf(&d.text, "It has all fields of %s.\n\n", d.link(typeName(pkg, f.Type)))
		}
	}
	var rows strings.Builder
	if err := d.writeFields(&rows, pkg, s); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if rows.Len() > 0 {
		d.text.WriteString("| field | type | meaning |\n| --- | --- | --- |\n" + rows.String())
	}
	return nil
}

// writeFields writes the rows of a struct's own fields.
func (d *jsonDocument) writeFields(rows *strings.Builder, pkg string, s *ast.StructType) error {
	names := map[string]string{} // the names in JSON, by the names in Go
	for _, f := range s.Fields.List {
		if key, _ := jsonKey(f); key != "" {
			for _, id := range f.Names {
				names[id.Name] = key
			}
		}
	}
	before := ""
	for _, f := range s.Fields.List {
		key, isOptional := jsonKey(f)
		if key == "-" {
			continue
		}
		if key == "" || len(f.Names) == 0 || !f.Names[0].IsExported() {
			continue
		}
		kind, err := d.describe(pkg, f.Type)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Names[0].Name, err)
		}
		if isOptional {
			kind += ", optional"
		}
		meaning := commentText(f.Doc)
		if meaning == "" {
			meaning = commentText(f.Comment)
		}
		if meaning == "" && regexp.MustCompile(`\b`+f.Names[0].Name+`\b`).MatchString(before) {
			meaning = "see above"
		} else if meaning != "" {
			before = meaning
			meaning = d.inJSON(meaning, f.Names[0].Name, names)
			meaning = nilWord.ReplaceAllString(meaning, map[bool]string{true: "absent", false: "null"}[isOptional])
		}
		if values := d.values[typeName(pkg, f.Type)]; meaning == "" && len(values) > 0 {
			meaning = "One of " + strings.Join(values, ", ")
		}
		fmt.Fprintf(rows, "| `%s` | %s | %s |\n", key, kind, strings.ReplaceAll(meaning, "|", `\|`))
	}
	return nil
}

var (
	goName  = regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)
	nilWord = regexp.MustCompile(`\bnil\b`)
)

// inJSON replaces the names that fields have in Go by those that they have in JSON, and the names of constants by their values. The name at
// the beginning is left out.
func (d *jsonDocument) inJSON(text, own string, names map[string]string) string {
	text = dropDocTypeName(text, own)
	return goName.ReplaceAllStringFunc(text, func(word string) string {
		if key := names[word]; key != "" && word != strings.SplitN(text, " ", 2)[0] {
			return "`" + key + "`"
		}
		if value := d.constants[word]; value != "" {
			return "`" + value + "`"
		}
		return word
	})
}

// jsonKey returns the name of a field in JSON, and whether the field may be absent.
func jsonKey(f *ast.Field) (key string, isOptional bool) {
	if f.Tag == nil {
		return "", false
	}
	text, _ := strconv.Unquote(f.Tag.Value)
	key, options, _ := strings.Cut(reflect.StructTag(text).Get("json"), ",")
	return key, strings.Contains(options, "omit")
}

// typeName returns the name of a type with its package.
func typeName(pkg string, expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return typeName(pkg, e.X)
	case *ast.SelectorExpr:
		return e.X.(*ast.Ident).Name + "." + e.Sel.Name
	case *ast.Ident:
		return pkg + "." + e.Name
	}
	return ""
}

// describe returns what a field holds, such as "list of text".
func (d *jsonDocument) describe(pkg string, expr ast.Expr) (string, error) {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return d.describe(pkg, e.X)
	case *ast.ArrayType:
		inner, err := d.describe(pkg, e.Elt)
		if e.Len != nil {
			return "list of two times", nil
		}
		return "list of " + inner, err
	case *ast.MapType:
		inner, err := d.describe(pkg, e.Value)
		return "object with " + inner, err
	case *ast.InterfaceType:
		return "any value", nil
	case *ast.Ident:
		if kind := jsonKinds[e.Name]; kind != "" {
			return kind, nil
		}
	case *ast.SelectorExpr:
		if typeName(pkg, e) == "time.Time" {
			return "time", nil
		}
	}
	name := typeName(pkg, expr)
	if d.structOf(name) != nil {
		return d.link(name), nil
	}
	if t := d.types[name]; t != nil {
		return d.describe(t.pkg, t.spec.Type)
	}
	return "", fmt.Errorf("unknown type %s", name)
}

// jsonKinds has the words for Go's types.
var jsonKinds = map[string]string{
	"string": "text", "bool": "true or false", "any": "any value", "float64": "number", "byte": "number",
	"int": "number", "int32": "number", "int64": "number", "uint": "number", "uint8": "number", "uint16": "number", "uint32": "number", "uint64": "number",
}
