package runtimes

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxTOMLDepth limits how deep brackets in TOML may nest, as the parser is recursive.
const maxTOMLDepth = 100

// tomlTable is a TOML table. A value is a string (strings and numbers, cut to maxWantBytes), a bool, a table or an []any.
type tomlTable = map[string]any

// parseTOML parses a TOML file with the library's low-level parser: decoding by reflection would take ten times as
// long, and a prompt waits for it.
func parseTOML(text []byte) (tomlTable, error) {
	depth := 0
	for _, c := range text {
		switch c {
		case '[', '{':
			if depth++; depth > maxTOMLDepth {
				return nil, errors.New("TOML: nested too deeply")
			}
		case ']', '}':
			depth--
		}
	}
	var p unstable.Parser
	p.Reset(text)
	root := tomlTable{}
	at := root
	var prefix []string
	arrays := map[string]string{} // maps the key of an array of tables to a text that identifies the last table in the array
	seen := map[string]bool{}
	twice := func(key []string) error { return fmt.Errorf("TOML: %q is there twice", strings.Join(key, ".")) }
	once := func(key []string) bool {
		name := strings.Join(key, "\x00")
		for n := range key {
			name += arrays[strings.Join(key[:n+1], "\x00")]
		}
		before := seen[name]
		seen[name] = true
		return !before
	}
	for n := 0; p.NextExpression(); n++ {
		e := p.Expression()
		key := tomlKey(e.Key())
		ok := len(key) > 0
		switch e.Kind {
		case unstable.ArrayTable:
			prefix = key
			arrays[strings.Join(key, "\x00")] = "\x00\x00" + strconv.Itoa(n)
			var parent tomlTable
			if parent, ok = subtable(root, key[:len(key)-1]); ok {
				var all []any
				if all, ok = parent[key[len(key)-1]].([]any); ok || parent[key[len(key)-1]] == nil {
					at, ok = tomlTable{}, true
					parent[key[len(key)-1]] = append(all, at)
				}
			}
		case unstable.Table:
			prefix = key
			if ok = once(key); ok {
				at, ok = subtable(root, key)
			}
		case unstable.KeyValue:
			if ok = once(append(prefix[:len(prefix):len(prefix)], key...)); ok {
				ok = setTOML(at, key, tomlValue(e.Value()))
			}
		}
		if !ok {
			return nil, twice(key)
		}
	}
	if err := p.Error(); err != nil {
		return nil, fmt.Errorf("TOML: %w", err)
	}
	return root, nil
}

// subtable returns the table under a key and creates the table if necessary; false if the key has a value that is not a
// table.
func subtable(t tomlTable, key []string) (tomlTable, bool) {
	for _, name := range key {
		switch v := t[name].(type) {
		case nil:
			inner := tomlTable{}
			t[name] = inner
			t = inner
		case tomlTable:
			t = v
		case []any: // if the key names an array of tables, take the last table in the array
			last, ok := tomlTable(nil), len(v) > 0
			if ok {
				last, ok = v[len(v)-1].(tomlTable)
			}
			if !ok {
				return nil, false
			}
			t = last
		default:
			return nil, false
		}
	}
	return t, true
}

func setTOML(t tomlTable, key []string, value any) bool {
	t, ok := subtable(t, key[:len(key)-1])
	if ok {
		t[key[len(key)-1]] = value
	}
	return ok
}

func tomlValue(n *unstable.Node) any {
	switch n.Kind {
	case unstable.Bool:
		return string(n.Data) == "true"
	case unstable.Array:
		all := []any{}
		for it := n.Children(); it.Next(); {
			all = append(all, tomlValue(it.Node()))
		}
		return all
	case unstable.InlineTable:
		t := tomlTable{}
		for it := n.Children(); it.Next(); {
			if key := tomlKey(it.Node().Key()); len(key) > 0 {
				setTOML(t, key, tomlValue(it.Node().Value()))
			}
		}
		return t
	}
	return truncateWant(string(n.Data))
}

func tomlKey(it unstable.Iterator) []string {
	var key []string
	for it.Next() {
		key = append(key, string(it.Node().Data))
	}
	return key
}

// lookupTOML returns the value under a sequence of keys; nil if there is none.
func lookupTOML(t tomlTable, path ...string) any {
	var v any = t
	for _, name := range path {
		inner, ok := v.(tomlTable)
		if !ok {
			return nil
		}
		v = inner[name]
	}
	return v
}

// tomlString returns a value if it is a string, otherwise "".
func tomlString(v any) string {
	s, _ := v.(string)
	return s
}

// tomlStrings returns the strings in an array; for a single string, it returns a slice of this string.
func tomlStrings(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		all := []string{}
		for _, one := range v {
			if s := tomlString(one); s != "" {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}
