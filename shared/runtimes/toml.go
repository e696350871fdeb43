package runtimes

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxNested is how many brackets of TOML may be open at once: the parser descends
// as deep as they nest.
const maxNested = 100

// visitTOML calls visit for each text and number in a TOML file, with its whole
// key; for those of an array one after the other. It asks the library's parser
// itself: filling a value by reflection would take a prompt ten times as long.
func visitTOML(text []byte, visit func(key []string, value string)) error {
	depth := 0
	for _, c := range text {
		switch c {
		case '[', '{':
			if depth++; depth > maxNested {
				return errors.New("TOML: nested too deeply")
			}
		case ']', '}':
			depth--
		}
	}
	var p unstable.Parser
	p.Reset(text)
	var table []string
	arrays := map[string]string{} // of tables: which one it is at
	seen := map[string]bool{}
	once := func(key []string) error {
		name := strings.Join(key, "\x00")
		for n := range key {
			name += arrays[strings.Join(key[:n+1], "\x00")]
		}
		if seen[name] {
			return fmt.Errorf("TOML: %q is there twice", strings.Join(key, "."))
		}
		seen[name] = true
		return nil
	}
	for n := 0; p.NextExpression(); n++ {
		e := p.Expression()
		key := tomlKey(e.Key())
		switch e.Kind {
		case unstable.ArrayTable:
			table = key
			arrays[strings.Join(key, "\x00")] = "\x00\x00" + strconv.Itoa(n)
			continue
		case unstable.Table:
			table, key = key, nil
		}
		all := append(table[:len(table):len(table)], key...)
		if err := once(all); err != nil {
			return err
		}
		if e.Kind == unstable.KeyValue {
			visitTOMLValue(e.Value(), all, visit)
		}
	}
	if err := p.Error(); err != nil {
		return fmt.Errorf("TOML: %w", err)
	}
	return nil
}

func visitTOMLValue(n *unstable.Node, key []string, visit func([]string, string)) {
	switch n.Kind {
	case unstable.String, unstable.Integer, unstable.Float:
		visit(key, cut(string(n.Data)))
	case unstable.Array:
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.Array {
				visitTOMLValue(it.Node(), key, visit)
			}
		}
	case unstable.InlineTable:
		for it := n.Children(); it.Next(); {
			all := append(key[:len(key):len(key)], tomlKey(it.Node().Key())...)
			visitTOMLValue(it.Node().Value(), all, visit)
		}
	}
}

func tomlKey(it unstable.Iterator) []string {
	var key []string
	for it.Next() {
		key = append(key, string(it.Node().Data))
	}
	return key
}
