package app

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
)

func configCommand() *cli.Command {
	return &cli.Command{
		Name:      "config",
		Usage:     "show the effective settings and who set each",
		ArgsUsage: "[KEY...]",
		Description: `A KEY is one setting or a section ("aur"). From /etc/omg/config.toml, then
config.toml in $XDG_CONFIG_HOME/omg, then variables; omgd's flags come last.
What omg prints is itself such a file.

` + exitCodes(),
		Flags: append(outputFlags("{{.key}} {{.origin}}"),
			&cli.BoolFlag{Name: "system", Usage: "those of the daemon of all users"}),
		Action: showConfig,
	}
}

func showConfig(c *cli.Context) error {
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var all ask.ConfigResult
	if err := asker(c).Read(c.Context, ask.OpConfig, &ask.ConfigRequest{System: c.Bool("system")}, &all); err != nil {
		return err
	}
	for _, key := range c.Args().Slice() {
		if !slices.ContainsFunc(all.Settings, func(s ask.Setting) bool { return below(s.Key, key) }) {
			return exit.With(exit.NotFound, fmt.Errorf("there is no setting %q", key))
		}
	}
	if keys := c.Args().Slice(); len(keys) > 0 {
		all.Settings = slices.DeleteFunc(all.Settings, func(s ask.Setting) bool {
			return !slices.ContainsFunc(keys, func(key string) bool { return below(s.Key, key) })
		})
	}
	for _, w := range all.Warnings {
		command.Note(c.App.ErrWriter, c.App.Name, w)
	}
	if out.json {
		err = out.document(&all)
	} else {
		for _, s := range all.Settings {
			if err = out.element(&s, s.Key, func(w *bufio.Writer) {
				fmt.Fprintf(w, "%s = %s # %s\n", s.Key, tomlValue(s.Value), termtext.Clean(s.Origin))
			}); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return err
	}
	return out.end()
}

// below says whether a setting is the one of this name, or in the section.
func below(setting, name string) bool {
	return setting == name || strings.HasPrefix(setting, name+".")
}

// tomlValue is a value as a configuration file has it.
func tomlValue(v any) string {
	switch v := v.(type) {
	case string:
		return termtext.Clean(fmt.Sprintf("%q", v))
	case []any:
		texts := make([]string, len(v))
		for i, one := range v {
			texts[i] = tomlValue(one)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	return fmt.Sprint(v)
}
