package config

import (
	"fmt"
	"reflect"
	"strings"
)

// isTable reports whether the value of a setting is a Table.
func (k settingKey) isTable() bool { return k.field.Type == reflect.TypeFor[Table]() }

// tableWithEntry returns the setting whose table has an entry of the given name: browse.bind and down for browse.bind.down.
func tableWithEntry(name string) (k settingKey, entry string, ok bool) {
	for _, k := range keys() {
		if entry, ok := strings.CutPrefix(name, k.name+"."); ok && k.isTable() {
			return k, entry, true
		}
	}
	return settingKey{}, "", false
}

// setEntry sets an entry of a table.
func (k settingKey) setEntry(c *Config, entry string, v value) error {
	if v.kind != "list" {
		return fmt.Errorf("a %s is not a list: write it as [\"one\", \"two\"]", v.kind)
	}
	t := k.valueIn(c).Addr().Interface().(*Table)
	changed := Table{entry: v.list}
	for name, list := range *t {
		if name != entry {
			changed[name] = list
		}
	}
	*t = changed // the old table may belong to another Config
	return nil
}

// setTable sets entries from a variable, in which they are separated by commas, and their words by spaces: "down=ctrl-j down,up=ctrl-k".
func (k settingKey) setTable(c *Config, v value) error {
	if v.kind != "" {
		return fmt.Errorf("a %s is not a table: write [%s] and its entries below", v.kind, k.name)
	}
	for text := range strings.SplitSeq(v.text, ",") {
		entry, words, ok := strings.Cut(text, "=")
		if entry = strings.TrimSpace(entry); !ok || entry == "" {
			return fmt.Errorf("%q is not an entry: write it as name=word, with several words separated by spaces", text)
		}
		if err := k.setEntry(c, entry, value{kind: "list", list: strings.Fields(words)}); err != nil {
			return err
		}
	}
	return nil
}
