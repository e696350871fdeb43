package manuals

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/shared/config"
)

// configFileTable is a table of the configuration file.
type configFileTable struct {
	name string // "aur.live"
	doc  string
	keys []settingDoc
}

// settingDoc is one setting with its description.
type settingDoc struct {
	config.Setting
	lastPart      string // the last part of the name: ttl for cache.ttl
	doc           string
	allowedValues string // the allowed values
}

// readSettings returns all settings with their descriptions. The descriptions are the comments in the source code of
// shared/config. Everything else, such as the default, is requested from package config. Source code and package must
// have the same settings.
func readSettings(root string) ([]configFileTable, error) {
	path := filepath.Join("shared", "config", "config.go")
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	structs := map[string]*ast.StructType{}
	docs := map[string]string{}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		spec := g.Specs[0].(*ast.TypeSpec)
		if s, ok := spec.Type.(*ast.StructType); ok {
			structs[spec.Name.Name], docs[spec.Name.Name] = s, commentText(g.Doc)
		}
	}
	known := map[string]config.Setting{}
	loaded := config.Loaded{Config: config.Default()}
	for _, s := range loaded.Settings() {
		known[s.Key] = s
	}

	var all []configFileTable
	var walk func(typ, prefix string) error
	walk = func(typ, prefix string) error {
		s := configFileTable{name: prefix, doc: dropDocTypeName(docs[typ], typ)}
		at := len(all)
		all = append(all, s)
		for _, f := range structs[typ].Fields.List {
			text, _ := strconv.Unquote(f.Tag.Value)
			tag := reflect.StructTag(text)
			last := tag.Get("toml")
			name := strings.TrimPrefix(prefix+"."+last, ".")
			kind, _ := f.Type.(*ast.Ident)
			if kind != nil && structs[kind.Name] != nil {
				if err := walk(kind.Name, name); err != nil {
					return err
				}
				continue
			}
			setting, ok := known[name]
			delete(known, name)
			doc := commentText(f.Doc)
			switch {
			case !ok:
				return fmt.Errorf("%s: the toml tag of field %s.%s is not the name of a setting", path, typ, f.Names[0])
			case doc == "":
				return fmt.Errorf("%s: %s.%s (%s) has no comment: describe its meaning and unit in a comment above the field, from which make docs copies the description",
					path, typ, f.Names[0], name)
			}
			all[at].keys = append(all[at].keys, settingDoc{setting, last, doc, allowedValues(f.Type, tag)})
		}
		return nil
	}
	if err := walk("Config", ""); err != nil {
		return nil, err
	}
	for name := range known {
		return nil, fmt.Errorf("%s: the setting %s is in no struct of this file", path, name)
	}
	return all[1:], nil
}

// commentText returns the text of a comment as one line.
func commentText(doc *ast.CommentGroup) string { return strings.Join(strings.Fields(doc.Text()), " ") }

// dropDocTypeName removes the type's name from its comment: "Refresh is when …" becomes "When …".
func dropDocTypeName(doc, name string) string {
	for _, verb := range []string{" is ", " are ", " "} {
		if rest, ok := strings.CutPrefix(doc, name+verb); ok {
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return doc
}

// allowedValues describes the allowed values, from a field's type and tags.
func allowedValues(typ ast.Expr, tag reflect.StructTag) string {
	what := "list of strings"
	if name, ok := typ.(*ast.Ident); ok {
		what = map[string]string{"Duration": "time", "Size": "size", "int": "number", "bool": "true or false", "string": "string", "Table": "table of lists of strings"}[name.Name]
	}
	if one, ok := tag.Lookup("oneof"); ok {
		return strings.Join(strings.Fields(one), ", ")
	}
	least, hasLeast := tag.Lookup("min")
	most, hasMost := tag.Lookup("max")
	switch {
	case hasLeast && hasMost:
		return what + ", " + least + " to " + most
	case hasLeast && least != "0":
		return what + ", at least " + least
	}
	return what
}

// tomlValue returns a setting's value as in a configuration file.
func tomlValue(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case []string:
		return "[]"
	case map[string][]string:
		return "{}"
	}
	return fmt.Sprint(v)
}

// effectiveAfter returns what a changed setting needs to take effect.
func effectiveAfter(k settingDoc) string {
	if k.Reloads {
		return "SIGHUP"
	}
	return "restart"
}

// settingsMarkdown returns the tables of docs/config.md.
func settingsMarkdown(all []configFileTable) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "## [%s]\n\n%s\n\n| key | means | may be | default | variable | takes effect after |\n| --- | --- | --- | --- | --- | --- |\n", s.name, s.doc)
		for _, k := range s.keys {
			fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | `%s` | %s |\n", k.lastPart, k.doc, k.allowedValues, tomlValue(k.Default), k.Variable, effectiveAfter(k))
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// settingsManual returns the part of omg-config(5) about the keys.
func settingsManual(all []configFileTable) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, ".Ss [%s]\n%s\n.Bl -tag -width Ds\n", s.name, escapeRoff(s.doc))
		for _, k := range s.keys {
			fmt.Fprintf(&b, ".It Ic %s\n%s\n.br\nMay be: %s; default: %s; takes effect after: %s.\n.br\n.Ev %s\n",
				k.lastPart, escapeRoff(k.doc), escapeRoff(k.allowedValues), escapeRoff(tomlValue(k.Default)), effectiveAfter(k), k.Variable)
		}
		b.WriteString(".El\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// settingsTOML returns the sections of a configuration file, in which each setting is a comment.
func settingsTOML(all []configFileTable) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%s[%s]\n", commentLines(s.doc), s.name)
		for _, k := range s.keys {
			fmt.Fprintf(&b, "\n%s#%s = %s\n", commentLines(k.doc+" May be: "+k.allowedValues+"."), k.lastPart, tomlValue(k.Default))
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n\n")
}

// commentLines returns a text as lines of a comment.
func commentLines(text string) string {
	const width = 90
	var b strings.Builder
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
