package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// maxFile is the maximum size of a configuration file, in bytes.
const maxFile = 256 << 10

// Loaded is a configuration together with the origin of each value.
type Loaded struct {
	Config
	// Origins maps each key that is not the default to its origin: a file and line, an environment variable or a flag.
	Origins map[string]string
	// Files are the files that were read.
	Files []string
	// Warnings are lines for the user about unknown keys.
	Warnings []string
}

// Error is an error in the configuration.
type Error struct {
	// Source is a file, with a line if known, or an environment variable.
	Source string
	Key    string // empty if the error is not about one key
	Err    error
}

func (e *Error) Error() string {
	if e.Key == "" || strings.HasPrefix(e.Source, "OMG_") {
		return fmt.Sprintf("%s: %v", e.Source, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Source, e.Key, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Load reads the files and then the environment; later values override earlier ones. The files are the system's and,
// unless system is set, the user's; OMG_CONFIG names one file that replaces both. A missing file is skipped, unless
// OMG_CONFIG names it. Each key has a variable OMG_SECTION_KEY; lists are comma-separated.
func Load(env paths.Env, system bool) (*Loaded, error) {
	l := &Loaded{Config: Default(), Origins: map[string]string{}}
	files, chosen := env.Configs(system)
	for _, path := range files {
		data, err := read(path, env)
		if !chosen && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)) { // the home of some users is /dev/null
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
	return l, nil
}

// read returns the content of a file that only trusted users can write.
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
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.New("not a regular file")
	}
	if err := paths.CheckFile(&st, env.Trusts); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	return data, err
}

// parse applies a file's settings.
func (l *Loaded) parse(path string, data []byte) error {
	// The decoder accepts all of TOML and reports the position of a syntax error. The parser knows the line of each
	// value.
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
		name, line := keyName(&p, e.Key())
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = name + "."
		case unstable.KeyValue:
			if err := l.apply(&p, path, table+name, line, e.Value()); err != nil {
				return err
			}
		}
	}
	return errors.Join(broken, p.Error())
}

// keyName returns a key's full name and its line.
func keyName(p *unstable.Parser, i unstable.Iterator) (name string, line int) {
	var parts []string
	for i.Next() {
		if line == 0 {
			line = p.Shape(i.Node().Raw).Start.Line
		}
		parts = append(parts, string(i.Node().Data))
	}
	return strings.Join(parts, "."), line
}

// apply applies one setting, or an inline table of settings.
func (l *Loaded) apply(p *unstable.Parser, path, name string, line int, node *unstable.Node) error {
	if node.Kind == unstable.InlineTable {
		for i := node.Children(); i.Next(); {
			inner, at := keyName(p, i.Node().Key())
			if err := l.apply(p, path, name+"."+inner, at, i.Node().Value()); err != nil {
				return err
			}
		}
		return nil
	}
	where := fmt.Sprintf("%s:%d", path, line)
	k, ok := keyNamed(name)
	if !ok {
		l.Warnings = append(l.Warnings, fmt.Sprintf("%s: unknown setting %q", where, name))
		return nil
	}
	v, err := valueOf(node)
	if before := l.Origins[name]; err == nil && strings.HasPrefix(before, path+":") {
		err = fmt.Errorf("already set in %s", before)
	}
	if err == nil {
		err = k.set(&l.Config, v)
	}
	if err != nil {
		return &Error{Source: where, Key: name, Err: err}
	}
	l.Origins[name] = where
	return nil
}

// valueOf returns a value as the file has it.
func valueOf(node *unstable.Node) (value, error) {
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
				return v, errors.New("a list of something other than strings")
			}
		}
	case unstable.Float:
		v.kind = "fraction"
	default:
		v.kind = "date"
	}
	return v, nil
}

// SetFlag sets a key from a flag.
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

// Setting is the effective value of one key.
type Setting struct {
	Key string `json:"key"`
	// Value is a string, a number, a boolean or a list of strings. Times and sizes are strings.
	Value any `json:"value"`
	// Origin is where the value comes from: "default", a file and line, a variable or a flag.
	Origin string `json:"origin"`
	// Default is the default value.
	Default any `json:"default"`
	// Variable is the environment variable that sets it.
	Variable string `json:"variable"`
	// Reloads reports whether omgd applies a change on SIGHUP; otherwise it must be restarted.
	Reloads bool `json:"reloads"`
}

// Settings returns all effective values, in the order of Config.
func (l *Loaded) Settings() []Setting {
	defaults := Default()
	out := make([]Setting, len(keys()))
	for i, k := range keys() {
		origin := l.Origins[k.name]
		if origin == "" {
			origin = "default"
		}
		out[i] = Setting{
			Key: k.name, Value: formatted(k.in(&l.Config).Interface()), Origin: origin,
			Default: formatted(k.in(&defaults).Interface()), Variable: k.variable(), Reloads: k.reloads(),
		}
	}
	return out
}

// formatted returns a value in the form in which it is printed and written.
func formatted(v any) any {
	switch v := v.(type) {
	case fmt.Stringer:
		return v.String()
	case []string:
		return append([]string{}, v...)
	}
	return v
}
