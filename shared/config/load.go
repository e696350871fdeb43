package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// maxFileSize is the maximum size of a configuration file, in bytes.
const maxFileSize = 256 << 10

// Loaded is a configuration, with information about where its values were set.
type Loaded struct {
	Config
	// Origins maps each key that was set to the place where it was set: a file and line, an environment variable or a flag.
	// A key that is not in the map has its default value. The map also has the entries of tables, such as browse.bind.down.
	Origins map[string]string
	// Files lists the paths of the files that were read.
	Files []string
	// Warnings has a line for the user about each unknown key, and one line about all settings of the earlier omg in a file.
	Warnings []string

	earlier []string // the settings of the earlier omg in the file that is being read
}

// Error is an error in the configuration.
type Error struct {
	// Source is where the error is: a file, with a line if it is known, an environment variable or a flag.
	Source string
	Key    string // the key that the error is about; empty if it is not about one key
	Err    error
}

func (e *Error) Error() string {
	if e.Key == "" || strings.HasPrefix(e.Source, "OMG_") {
		return fmt.Sprintf("%s: %v", e.Source, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Source, e.Key, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Load reads the configuration files and then the environment variables; a later value overrides an earlier one. The first
// file is that of all users. The others are the user's; they are not read if the parameter system is set. If OMG_CONFIG is
// set, Load reads only the file at that path. A missing file is skipped, except for the file in OMG_CONFIG. The variable
// of a setting is OMG_SECTION_KEY; lists in variables are comma-separated.
func Load(env paths.Env, system bool) (*Loaded, error) {
	l := &Loaded{Config: Default(), Origins: map[string]string{}}
	files, chosen := env.ConfigFiles(system)
	for _, path := range files {
		data, err := read(path, env)
		if !chosen && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)) { // ENOTDIR: some users have the home /dev/null
			continue
		}
		if err == nil {
			l.Files = append(l.Files, path)
			err = l.parse(path, data)
		}
		if err != nil {
			var conf *Error
			if errors.As(err, &conf) {
				return nil, err
			}
			return nil, &Error{Source: path, Err: err}
		}
	}
	for _, k := range keys() {
		text := env.Get(k.variable())
		if text == "" {
			continue
		}
		if err := k.set(&l.Config, value{text: text}); err != nil {
			return nil, &Error{Source: k.variable(), Key: k.name, Err: err}
		}
		l.Origins[k.name] = k.variable()
	}
	return l, l.checkTogether()
}

// checkTogether returns an error if settings do not fit together.
func (l *Loaded) checkTogether() error {
	if l.AUR.Source == AURArchive && l.AUR.ArchiveURL == "" {
		return &Error{Source: l.Origins["aur.source"], Key: "aur.source", Err: errors.New("the archive needs an address: set aur.archive_url")}
	}
	if len(l.Index.URLs) > 0 && len(l.Index.Keys) == 0 {
		return &Error{Source: l.Origins["index.urls"], Key: "index.urls", Err: errors.New("the mirrors need a key that is trusted: set index.keys")}
	}
	return nil
}

// Parse returns the default settings, changed by the text of one configuration file. The parameter path is the name of the file in
// Origins and in errors.
func Parse(path string, text []byte) (*Loaded, error) {
	l := &Loaded{Config: Default(), Origins: map[string]string{}}
	return l, l.parse(path, text)
}

// read returns the content of a file, or an error if a user who is not trusted could have written the file.
func read(path string, env paths.Env) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, err
	}
	defer f.Close()
	data, _, err := paths.ReadTrustedFile(f, maxFileSize, env.Trusts)
	return data, err
}

// parse sets the settings in data, the content of the file at path.
func (l *Loaded) parse(path string, data []byte) error {
	// Use both the decoder of the TOML library and its parser: the decoder reports the position of a syntax error, and the
	// parser the line of each value.
	var all map[string]any
	var at *toml.DecodeError
	broken := toml.Unmarshal(data, &all)
	if errors.As(broken, &at) {
		row, _ := at.Position()
		return &Error{Source: fmt.Sprintf("%s:%d", path, row), Err: errors.New(strings.TrimPrefix(at.Error(), "toml: "))}
	}
	p := unstable.Parser{}
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		name, line := DottedTOMLKey(&p, e.Key())
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			if err := checkSectionHeader(name, e.Kind); err != nil {
				return &Error{Source: fmt.Sprintf("%s:%d", path, line), Err: err}
			}
			table = name + "."
		case unstable.KeyValue:
			if err := l.applyTOMLNode(&p, path, table+name, line, e.Value()); err != nil {
				return err
			}
		}
	}
	l.warnOfEarlierSettings(path)
	return errors.Join(broken, p.Error())
}

// DottedTOMLKey joins the parts of a key in a TOML file with dots, and returns the key and its line.
func DottedTOMLKey(p *unstable.Parser, i unstable.Iterator) (name string, line int) {
	var parts []string
	for i.Next() {
		if line == 0 {
			line = p.Shape(i.Node().Raw).Start.Line
		}
		parts = append(parts, string(i.Node().Data))
	}
	return strings.Join(parts, "."), line
}

// checkSectionHeader returns an error if the header of a section has the name of a setting, or is that of a list of sections.
func checkSectionHeader(name string, kind unstable.Kind) error {
	k, ok := keyNamed(name)
	if ok && !k.isTable() {
		return fmt.Errorf("%s is a setting, not a section: write %[1]s = VALUE", name)
	}
	if kind == unstable.ArrayTable && (ok || isSection(name)) {
		return fmt.Errorf("[[%s]] is a list of sections: write [%[1]s]", name)
	}
	return nil
}

// checkNotSection returns an error if a value was assigned to a section, as in aur = false.
func checkNotSection(name string, node *unstable.Node) error {
	if !isSection(name) {
		return nil
	}
	if _, ok := keyNamed(name + ".enabled"); ok && node.Kind == unstable.Bool {
		return fmt.Errorf("%s is a section, not a setting: write %[1]s.enabled = %s", name, node.Data)
	}
	return fmt.Errorf("%s is a section, not a setting: write [%[1]s] and its settings below", name)
}

// applyTOMLNode sets one setting, or each setting in an inline table.
func (l *Loaded) applyTOMLNode(p *unstable.Parser, path, name string, line int, node *unstable.Node) error {
	if k, isKey := keyNamed(name); node.Kind == unstable.InlineTable && (!isKey || k.isTable()) {
		if isKey { // also without entries
			l.Origins[name] = fmt.Sprintf("%s:%d", path, line)
		}
		for i := node.Children(); i.Next(); {
			inner, at := DottedTOMLKey(p, i.Node().Key())
			if err := l.applyTOMLNode(p, path, name+"."+inner, at, i.Node().Value()); err != nil {
				return err
			}
		}
		return nil
	}
	where := fmt.Sprintf("%s:%d", path, line)
	k, ok := keyNamed(name)
	table, entry, isEntry := tableWithEntry(name)
	if err := checkNotSection(name, node); err != nil {
		return &Error{Source: where, Err: err}
	}
	switch {
	case ok, isEntry:
	case isEarlierSetting(name):
		l.earlier = append(l.earlier, fmt.Sprintf("%s (line %d)", name, line))
		return nil
	default:
		if err := checkLevelName(name); err != nil {
			return &Error{Source: where, Err: err}
		}
		l.Warnings = append(l.Warnings, fmt.Sprintf("%s: unknown setting %q", where, name))
		return nil
	}
	v, err := valueOfNode(node)
	if before := l.Origins[name]; err == nil && strings.HasPrefix(before, path+":") {
		err = fmt.Errorf("already set in %s", before)
	}
	switch {
	case err != nil:
	case isEntry:
		err = table.setEntry(&l.Config, entry, v)
		l.Origins[table.name] = where
	default:
		err = k.set(&l.Config, v)
	}
	if err != nil {
		return &Error{Source: where, Key: name, Err: err}
	}
	l.Origins[name] = where
	return nil
}

// valueOfNode converts a TOML node into a value: the text as it is written in the file, the elements of a list, and the type.
func valueOfNode(node *unstable.Node) (value, error) {
	v := value{text: string(node.Data)}
	switch node.Kind {
	case unstable.String:
		v.kind = "string"
	case unstable.Integer:
		v.kind, v.text = "number", strings.ReplaceAll(v.text, "_", "")
	case unstable.Bool:
		v.kind = "boolean"
	case unstable.Array:
		v.kind, v.list = "list", []string{}
		for i := node.Children(); i.Next(); {
			if n := i.Node(); n.Kind == unstable.String {
				v.list = append(v.list, string(n.Data))
			} else if n.Kind != unstable.Comment {
				return v, errors.New("an element of the list is not a string: put it in quotes")
			}
		}
	case unstable.Float:
		v.kind = "fraction"
	case unstable.InlineTable:
		v.kind = "table"
	default:
		v.kind = "date"
	}
	return v, nil
}

// SetFlag sets a setting from a command-line flag. The parameter name is the setting's key, such as log.level. The
// parameter text is the value, and the parameter flag is the flag's name, such as --log-level.
func (l *Loaded) SetFlag(name, text, flag string) error {
	k, ok := keyNamed(name)
	if !ok {
		return &Error{Source: flag, Err: fmt.Errorf("unknown setting %q", name)}
	}
	if err := k.set(&l.Config, value{text: text}); err != nil {
		return &Error{Source: flag, Err: err}
	}
	l.Origins[name] = flag
	return nil
}

// Setting describes one setting and its effective value.
type Setting struct {
	Key string `json:"key"`
	// Value is a string, a number, a boolean, a list of strings, or a table whose values are lists of strings. Times and sizes are strings.
	Value any `json:"value"`
	// Origin is where the value was set: "default", a file and line, a variable or a flag.
	Origin string `json:"origin"`
	// Default is the default value.
	Default any `json:"default"`
	// Variable is the environment variable for the setting.
	Variable string `json:"variable"`
	// Reloads reports whether a running omgd applies a change on SIGHUP. If not, a change needs a restart of omgd.
	Reloads bool `json:"reloads"`
}

// Settings returns all settings with their effective values, in the order of Config.
func (l *Loaded) Settings() []Setting {
	defaults := Default()
	out := make([]Setting, len(keys()))
	for i, k := range keys() {
		origin := l.Origins[k.name]
		if origin == "" {
			origin = "default"
		}
		out[i] = Setting{
			Key: k.name, Value: settingValue(k.valueIn(&l.Config).Interface()), Origin: origin,
			Default: settingValue(k.valueIn(&defaults).Interface()), Variable: k.variable(), Reloads: k.reloads(),
		}
	}
	return out
}

// settingValue returns the value of a field of Config in the form that Setting.Value has: times and sizes become strings.
func settingValue(v any) any {
	switch v := v.(type) {
	case fmt.Stringer:
		return v.String()
	case []string:
		return append([]string{}, v...)
	case Table:
		table := map[string][]string{}
		for name, list := range v {
			table[name] = append([]string{}, list...)
		}
		return table
	}
	return v
}
