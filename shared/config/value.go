package config

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// String formats a duration without trailing zero units: 5m instead of 5m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// MarshalText returns the result of String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func parseDuration(s string) (Duration, error) {
	if s == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time: write it as 30s, 5m or 24h", s)
	}
	return Duration(d), nil
}

var sizeUnits = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// String formats a size with the largest unit of which the size is a multiple.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.size == 0 {
			return strconv.FormatInt(int64(s)/u.size, 10) + u.name
		}
	}
	return "0"
}

// MarshalText returns the result of String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func parseSize(text string) (Size, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.size {
			break
		}
		return Size(n * u.size), nil
	}
	return 0, fmt.Errorf("%q is not a size: write it as 1024, 64KiB or 16MiB", text)
}

// value is the value of a setting as it is written in a file, a variable or a flag.
type value struct {
	text string
	list []string // the elements of a list; nil if the value is not a list
	kind string   // the value's type in a file: string, number, boolean, list; empty for a variable or a flag
}

// settingKey is one setting.
type settingKey struct {
	name  string // the full name, such as "aur.live.timeout"
	field reflect.StructField
	index []int // the index of the field in Config, for reflect.Value.FieldByIndex
}

// isSection reports whether a name is that of a section, such as aur or aur.live.
func isSection(name string) bool {
	return slices.ContainsFunc(keys(), func(k settingKey) bool { return strings.HasPrefix(k.name, name+".") })
}

// keys returns all settings in the order of Config. It collects the settings at its first call, because most commands of
// omg do not read the configuration.
var keys = sync.OnceValue(func() []settingKey { return collect(reflect.TypeFor[Config](), "", nil) })

func collect(t reflect.Type, prefix string, index []int) (all []settingKey) {
	for i := range t.NumField() {
		f := t.Field(i)
		k := settingKey{prefix + f.Tag.Get("toml"), f, append(slices.Clone(index), i)}
		if f.Type.Kind() == reflect.Struct {
			all = append(all, collect(f.Type, k.name+".", k.index)...)
		} else {
			all = append(all, k)
		}
	}
	return all
}

func keyNamed(name string) (settingKey, bool) {
	i := slices.IndexFunc(keys(), func(k settingKey) bool { return k.name == name })
	if i < 0 {
		return settingKey{}, false
	}
	return keys()[i], true
}

// variable returns the name of the environment variable for the setting, such as OMG_LOG_LEVEL.
func (k settingKey) variable() string {
	return "OMG_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(k.name))
}

// reloads reports whether a running daemon applies a change of the setting.
func (k settingKey) reloads() bool { return k.field.Tag.Get("reload") == "yes" }

func (k settingKey) valueIn(c *Config) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByIndex(k.index)
}

// set parses and checks the value v, and stores the result in the field of c that belongs to the setting.
func (k settingKey) set(c *Config, v value) error {
	field := k.valueIn(c)
	switch field.Interface().(type) {
	case Duration:
		if v.kind != "" && v.kind != "string" && v.text != "0" {
			return fmt.Errorf("a %s is not a time: write it as \"30s\", \"5m\" or \"24h\"", v.kind)
		}
		d, err := parseDuration(v.text)
		if err != nil {
			return err
		}
		field.SetInt(int64(d))
		return k.checkRange(int64(d), func(s string) (int64, error) { d, err := parseDuration(s); return int64(d), err })
	case Size:
		if v.kind != "" && v.kind != "string" && v.kind != "number" {
			return fmt.Errorf("a %s is not a size: write it as 1024, \"64KiB\" or \"16MiB\"", v.kind)
		}
		n, err := parseSize(v.text)
		if err != nil {
			return err
		}
		field.SetInt(int64(n))
		return k.checkRange(int64(n), func(s string) (int64, error) { n, err := parseSize(s); return int64(n), err })
	case int:
		n, err := strconv.ParseInt(v.text, 0, 32)
		if err == nil && v.kind == "string" {
			return fmt.Errorf("%q is a string: write it without quotes", v.text)
		}
		if v.kind == "list" || v.kind == "table" {
			return fmt.Errorf("a %s is not a number", v.kind)
		}
		if err != nil || v.kind != "" && v.kind != "number" {
			return fmt.Errorf("%q is not a whole number, or is too large", v.text)
		}
		field.SetInt(n)
		return k.checkRange(n, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	case bool:
		if v.kind == "list" || v.kind == "table" {
			return fmt.Errorf("a %s is neither true nor false", v.kind)
		}
		if v.kind == "string" && (v.text == "true" || v.text == "false") {
			return fmt.Errorf("%q is a string: write it without quotes", v.text)
		}
		if v.text != "true" && v.text != "false" || v.kind != "" && v.kind != "boolean" {
			return fmt.Errorf("%q is neither true nor false", v.text)
		}
		field.SetBool(v.text == "true")
	case string:
		if v.kind != "" && v.kind != "string" {
			return fmt.Errorf("a %s is not a string: put it in quotes", v.kind)
		}
		field.SetString(v.text)
		return k.checkString(v.text)
	case []string:
		if v.kind != "" && v.kind != "list" {
			return fmt.Errorf("a %s is not a list: write it as [\"one\", \"two\"]", v.kind)
		}
		if v.kind == "" && v.text != "" {
			v.list = strings.Split(v.text, ",")
		}
		for i := range v.list {
			if v.list[i] = strings.TrimSpace(v.list[i]); v.list[i] == "" {
				return fmt.Errorf("an element of the list is empty")
			}
		}
		field.Set(reflect.ValueOf(v.list))
		switch k.field.Tag.Get("format") {
		case "incidents":
			return checkIncidentLists(v.list)
		case "mirrors":
			return checkMirrors(v.list)
		case "keys":
			return checkKeys(v.list)
		}
	case Table:
		return k.setTable(c, v)
	}
	return nil
}

// checkRange returns an error if a number is less than the tag min or more than the tag max. The function parse parses the
// value of a tag.
func (k settingKey) checkRange(n int64, parse func(string) (int64, error)) error {
	for _, bound := range []struct {
		tag, words string
		beyond     func(limit int64) bool
	}{
		{"min", "must be at least", func(limit int64) bool { return n < limit }},
		{"max", "must be at most", func(limit int64) bool { return n > limit }},
	} {
		text, ok := k.field.Tag.Lookup(bound.tag)
		if !ok {
			continue
		}
		limit, err := parse(text)
		if err != nil {
			return err
		}
		if bound.beyond(limit) {
			return fmt.Errorf("%s %s", bound.words, text)
		}
	}
	return nil
}

// checkString returns an error if a string is not one of the words in the tag oneof, or not in the form that the tag format
// requires.
func (k settingKey) checkString(s string) error {
	if one, ok := k.field.Tag.Lookup("oneof"); ok && !slices.Contains(strings.Fields(one), s) {
		return fmt.Errorf("%q is not one of %s", s, strings.Join(strings.Fields(one), ", "))
	}
	switch k.field.Tag.Get("format") {
	case "url":
		return checkURL(s, "https", "http")
	case "url or empty":
		if s != "" {
			return checkURL(s, "https", "http")
		}
	case "proxy":
		if s == "" || s == "none" {
			return nil
		}
		return checkURL(s, "http", "https", "socks5", "socks5h")
	case "line":
		if strings.ContainsFunc(s, unicode.IsControl) {
			return fmt.Errorf("%q has control characters", s)
		}
	case "socket":
		if s != "" && !filepath.IsAbs(s) {
			return fmt.Errorf("%q is not an absolute path", s)
		}
	case "listen":
		return checkListenAddress(s)
	}
	return nil
}

// checkURL returns an error unless a string is a URL whose scheme is in the list schemes. If https is the first element of
// the list, a URL with http may only lead to this machine.
func checkURL(s string, schemes ...string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme):
		return fmt.Errorf("%q is not a URL with one of the schemes %s", s, strings.Join(schemes, ", "))
	case schemes[0] == "https" && u.Scheme == "http" && !isLoopbackHost(u.Hostname()):
		return fmt.Errorf("%q is not encrypted: use https", s)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q has a query or a fragment: remove everything from the ? or # on", s)
	}
	return nil
}

// checkListenAddress returns an error unless a string is empty, an absolute path, or a local address with a port.
func checkListenAddress(s string) error {
	if s == "" || filepath.IsAbs(s) {
		return nil
	}
	// The address is parsed here without package net, which would make the programs larger.
	at := strings.LastIndexByte(s, ':')
	host, port := s[:max(0, at)], s[at+1:]
	inner, six := strings.CutPrefix(host, "[")
	if six {
		host, six = strings.CutSuffix(inner, "]")
	}
	_, err := strconv.ParseUint(port, 10, 16)
	switch {
	case at < 0 || err != nil || strings.Contains(host, ":") != six:
		return fmt.Errorf("%q is neither an absolute path nor a host and a port", s)
	case !isLoopbackHost(host):
		return fmt.Errorf("%q is not a local address: use 127.0.0.1, [::1] or a path", s)
	}
	return nil
}

func isLoopbackHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
