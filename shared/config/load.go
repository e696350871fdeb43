package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// maxFile is the most that a configuration file may have.
const maxFile = 256 << 10

// Loaded is a configuration and where it comes from.
type Loaded struct {
	Config
	// Origins has, for each key that is not the default, who set it: a file with
	// its line, an environment variable or a flag.
	Origins map[string]string
	// Files are the files that were read.
	Files []string
	// Warnings are lines for the user: a file's keys that mean nothing.
	Warnings []string
}

// Error is a configuration that cannot be used.
type Error struct {
	// Where is a file, with a line if it is known, or an environment variable.
	Where string
	Key   string // empty if no single one is meant
	Err   error
}

func (e *Error) Error() string {
	if e.Key == "" || strings.HasPrefix(e.Where, "OMG_") {
		return fmt.Sprintf("%s: %v", e.Where, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Where, e.Key, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Load reads the files, each over the one before, and then the environment: a
// variable OMG_SECTION_KEY for each key, lists with commas. The files are
// the system's and, unless system says that the configuration is for all users,
// the user's; one that is not there is passed over. OMG_CONFIG names one file to
// read instead of them.
func Load(env paths.Env, system bool) (*Loaded, error) {
	l := &Loaded{Config: Default(), Origins: map[string]string{}}
	files, chosen := env.Configs(system)
	for _, path := range files {
		data, err := read(path, env)
		if !chosen && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)) { // /dev/null is the home of some users
			continue
		}
		if err == nil {
			l.Files = append(l.Files, path)
			err = l.parse(path, data)
		}
		if err != nil {
			var own *Error
			if errors.As(err, &own) {
				return nil, err
			}
			return nil, &Error{Where: path, Err: err}
		}
	}
	for _, k := range keys {
		text := env.Get(k.variable())
		if text == "" {
			continue
		}
		if err := k.set(&l.Config, value{text: text}); err != nil {
			return nil, &Error{Where: k.variable(), Key: k.name, Err: err}
		}
		l.Origins[k.name] = k.variable()
	}
	return l, nil
}

// read reads a file that only we and those whom we trust can write.
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
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !fi.Mode().IsRegular():
		return nil, errors.New("not a file")
	case !ok || !env.Trusts(st.Uid) || st.Mode&0o022 != 0:
		return nil, fmt.Errorf("%w: it must be yours or root's, and nobody else may write to it", paths.ErrUntrusted)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	return data, err
}

// parse takes a file's settings over.
func (l *Loaded) parse(path string, data []byte) error {
	// The library's reader knows all of the language, and where it is broken; its
	// parser knows where each value stands.
	var all map[string]any
	var at *toml.DecodeError
	broken := toml.Unmarshal(data, &all)
	if errors.As(broken, &at) {
		row, _ := at.Position()
		return &Error{Where: fmt.Sprintf("%s:%d", path, row), Err: errors.New(strings.TrimPrefix(at.Error(), "toml: "))}
	}
	p := unstable.Parser{}
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		name, line := dotted(&p, e.Key())
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = name + "."
		case unstable.KeyValue:
			if err := l.take(&p, path, table+name, line, e.Value()); err != nil {
				return err
			}
		}
	}
	return errors.Join(broken, p.Error())
}

// dotted is a key's name and line.
func dotted(p *unstable.Parser, i unstable.Iterator) (name string, line int) {
	var parts []string
	for i.Next() {
		if line == 0 {
			line = p.Shape(i.Node().Raw).Start.Line
		}
		parts = append(parts, string(i.Node().Data))
	}
	return strings.Join(parts, "."), line
}

// take takes one setting over, or a table of them written in one line.
func (l *Loaded) take(p *unstable.Parser, path, name string, line int, node *unstable.Node) error {
	if node.Kind == unstable.InlineTable {
		for i := node.Children(); i.Next(); {
			inner, at := dotted(p, i.Node().Key())
			if err := l.take(p, path, name+"."+inner, at, i.Node().Value()); err != nil {
				return err
			}
		}
		return nil
	}
	where := fmt.Sprintf("%s:%d", path, line)
	k, ok := keyNamed(name)
	if !ok {
		l.Warnings = append(l.Warnings, fmt.Sprintf("%s: there is no setting %q", where, name))
		return nil
	}
	v, err := valueOf(node)
	if before := l.Origins[name]; err == nil && strings.HasPrefix(before, path+":") {
		err = fmt.Errorf("set before, in %s", before)
	}
	if err == nil {
		err = k.set(&l.Config, v)
	}
	if err != nil {
		return &Error{Where: where, Key: name, Err: err}
	}
	l.Origins[name] = where
	return nil
}

// valueOf is a value as it stands in a file.
func valueOf(node *unstable.Node) (value, error) {
	v := value{text: string(node.Data)}
	switch node.Kind {
	case unstable.String:
		v.kind = "text"
	case unstable.Integer:
		v.kind, v.text = "number", strings.ReplaceAll(v.text, "_", "")
	case unstable.Bool:
		v.kind = "truth"
	case unstable.Array:
		v.kind, v.list = "list", []string{}
		for i := node.Children(); i.Next(); {
			if n := i.Node(); n.Kind == unstable.String {
				v.list = append(v.list, string(n.Data))
			} else if n.Kind != unstable.Comment {
				return v, errors.New("a list of something other than texts")
			}
		}
	case unstable.Float:
		v.kind = "fraction"
	default:
		v.kind = "date"
	}
	return v, nil
}

// Set sets a key as a flag does.
func (l *Loaded) Set(name, text, flag string) error {
	k, ok := keyNamed(name)
	if !ok {
		return &Error{Where: flag, Err: fmt.Errorf("there is no setting %q", name)}
	}
	if err := k.set(&l.Config, value{text: text}); err != nil {
		return &Error{Where: flag, Err: err}
	}
	l.Origins[name] = flag
	return nil
}

// Setting is one effective value.
type Setting struct {
	Key string `json:"key"`
	// Value is a text, a number, a truth or a list of texts; times and sizes are
	// texts.
	Value any `json:"value"`
	// Origin is who set it: "default", a file with its line, a variable, a flag.
	Origin string `json:"origin"`
	// Default is what it is unless someone says otherwise.
	Default any `json:"default"`
	// Variable is the environment variable that sets it.
	Variable string `json:"variable"`
	// Reloads says whether omgd takes a change over on SIGHUP; else it must be
	// started again.
	Reloads bool `json:"reloads"`
}

// Settings are all effective values in their order.
func (l *Loaded) Settings() []Setting {
	defaults := Default()
	out := make([]Setting, len(keys))
	for i, k := range keys {
		origin := l.Origins[k.name]
		if origin == "" {
			origin = "default"
		}
		out[i] = Setting{
			Key: k.name, Value: shown(k.in(&l.Config).Interface()), Origin: origin,
			Default: shown(k.in(&defaults).Interface()), Variable: k.variable(), Reloads: k.reloads(),
		}
	}
	return out
}

// shown is a value as it is shown and written.
func shown(v any) any {
	switch v := v.(type) {
	case fmt.Stringer:
		return v.String()
	case []string:
		return append([]string{}, v...)
	}
	return v
}
