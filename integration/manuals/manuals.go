// Package manuals generates the manual pages, the shell completions, docs/config.md, docs/json.md and the configuration file of the
// packages from the programs' --help and the comments of the configuration's and the results' structs. The directory pages contains the other sections of each page, such as
// FILES and EXAMPLES.
package manuals

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed pages
var pageTemplates embed.FS

// Make returns the content of each generated file, by path. The paths are relative to root, the directory of the project.
// The parameter bin is the directory of the built programs.
func Make(root, bin string) (map[string]string, error) {
	all, err := readSettings(root)
	if err != nil {
		return nil, err
	}
	fields, err := jsonMarkdown(root)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, page := range []struct{ from, to, made string }{
		{"config.md", "docs/config.md", settingsMarkdown(all)},
		{"json.md", "docs/json.md", strings.TrimSuffix(fields, "\n")},
		{"config.toml", "packaging/config.toml", settingsTOML(all)},
		{"omg-config.5", "packaging/man/omg-config.5", settingsManual(all)},
		{"omg-alpm-worker.8", "packaging/man/omg-alpm-worker.8", ""},
	} {
		if files[page.to], err = fillTemplate(page.from, page.made); err != nil {
			return nil, err
		}
	}
	for program, page := range map[string]string{"omg": "omg.1", "omg-index": "omg-index.1", "omg-probe": "omg-probe.1", "omg-fleet": "omg-fleet.1", "omgd": "omgd.8"} {
		h, err := readHelp(bin, program)
		if err != nil {
			return nil, err
		}
		if files["packaging/man/"+page], err = fillTemplate(page, programManual(h)); err != nil {
			return nil, err
		}
		all := completedCommands(h)
		if program == "omg" {
			all = addLetters(all)
		}
		files["packaging/completions/"+program+".bash"] = bashCompletion(program, all)
		files["packaging/completions/_"+program] = zshCompletion(program, all)
		files["packaging/completions/"+program+".fish"] = fishCompletion(program, all)
	}
	return files, nil
}

// fillTemplate inserts generated text into a page at the line @MADE@.
func fillTemplate(name, made string) (string, error) {
	text, err := pageTemplates.ReadFile("pages/" + name)
	if err != nil {
		return "", fmt.Errorf("cannot read the template of a page: %w", err)
	}
	return strings.Replace(string(text), "@MADE@", made, 1), nil
}
