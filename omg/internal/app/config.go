package app

import (
	"bufio"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
)

// configOptions holds the flags of omg config.
type configOptions struct {
	outputOptions
	systemWide bool
}

func configCommand(a *app) *cli.Command {
	o := &configOptions{}
	return &cli.Command{
		Name:      "config",
		Usage:     "show the effective settings and where each was set",
		ArgsUsage: "[KEY...]",
		Description: `KEY is a setting or a section, such as aur. Settings are read from
/etc/omg/config.toml, setup.toml and config.toml in $XDG_CONFIG_HOME/omg, and
environment variables, in this order; flags of omgd override them. The output is a
valid configuration file.

` + exitCodesHelp(),
		Flags: append(o.listFlags("{{.key}} {{.origin}}"),
			&cli.BoolFlag{Name: "system", Destination: &o.systemWide, Usage: "show the settings of the system-wide daemon"}),
		Action: func(c *cli.Context) error { return a.runConfig(c, o) },
	}
}

func (a *app) runConfig(c *cli.Context, o *configOptions) error {
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	all, err := a.newBackend().Config(c.Context, o.systemWide)
	if err != nil {
		return err
	}
	keys := c.Args().Slice()
	for _, key := range keys {
		if !slices.ContainsFunc(all.Settings, func(s backend.Setting) bool { return isSettingInSection(s.Key, key) }) {
			return unknownSettingError(key, all.Settings)
		}
	}
	if len(keys) > 0 {
		all.Settings = slices.DeleteFunc(all.Settings, func(s backend.Setting) bool {
			return !slices.ContainsFunc(keys, func(key string) bool { return isSettingInSection(s.Key, key) })
		})
	}
	for _, w := range all.Warnings {
		a.printNote(w)
	}
	err = printList(out, all, all.Settings, func(s *backend.Setting) string { return s.Key }, func(w *bufio.Writer, s *backend.Setting) {
		fmt.Fprintf(w, "%s = %s # %s\n", s.Key, tomlValue(s.Value), termtext.Clean(s.Origin))
	})
	if err != nil {
		return err
	}
	return out.finish()
}

// unknownSettingError returns the error for a name that is neither a setting nor a section. Its hint lists similar ones.
func unknownSettingError(name string, settings []backend.Setting) error {
	var known []string
	for _, s := range settings {
		section, _, _ := strings.Cut(s.Key, ".")
		if strings.Contains(name, ".") {
			known = append(known, s.Key)
		} else if !slices.Contains(known, section) {
			known = append(known, section)
		}
	}
	e := &exit.Error{Code: exit.NotFound, Err: fmt.Errorf("unknown setting %q", name), Hint: "omg config lists all settings"}
	if similar := command.SimilarNames(name, known); len(similar) > 0 {
		e.Hint = "did you mean: " + strings.Join(similar, " ")
	}
	return e
}

// isSettingInSection reports whether a setting has the given name, or is in the section of that name.
func isSettingInSection(setting, name string) bool {
	return setting == name || strings.HasPrefix(setting, name+".")
}

// tomlValue returns a value in the syntax of a configuration file.
func tomlValue(v any) string {
	switch v := v.(type) {
	case string:
		return termtext.Clean(fmt.Sprintf("%q", v))
	case []string:
		texts := make([]string, len(v))
		for i, one := range v {
			texts[i] = tomlValue(one)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case map[string][]string:
		texts := make([]string, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			texts = append(texts, tomlValue(name)+" = "+tomlValue(v[name]))
		}
		return "{" + strings.Join(texts, ", ") + "}"
	}
	return fmt.Sprint(v)
}
