package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
)

// environment returns an Env with a temporary home directory and these variables. If text is not empty, it is the content
// of the configuration file in the home directory.
func environment(t testing.TB, text string, vars map[string]string) paths.Env {
	t.Helper()
	home := t.TempDir()
	file := filepath.Join(home, ".config", "omg", "config.toml")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	if text != "" {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	return paths.Env{UID: os.Getuid(), Root: home, Getenv: func(name string) string {
		if v, ok := vars[name]; ok {
			return strings.ReplaceAll(v, "$HOME", home)
		}
		if name == "HOME" {
			return home
		}
		return ""
	}}
}

func TestDefault(t *testing.T) {
	l, err := Load(environment(t, "", nil), false)
	require.NoError(t, err)
	require.Equal(t, Default(), l.Config)
	require.Empty(t, l.Origins)
	require.NotEmpty(t, l.Settings())
	for _, s := range l.Settings() {
		require.Equal(t, s.Default, s.Value)
		require.Equal(t, "default", s.Origin)
	}
	// Each setting has a full name, and its default is a valid value.
	for _, k := range keys() {
		require.Regexp(t, `^[a-z_]+(\.[a-z_]+)+$|^aur\.levels\.[a-z-]+$`, k.name)
		c := Default()
		v := value{text: fmt.Sprint(settingValue(k.valueIn(&c).Interface()))}
		if kind := k.field.Type.Kind(); kind == reflect.Slice || kind == reflect.Map {
			continue
		}
		require.NoError(t, k.set(&c, v), k.name)
		require.Equal(t, Default(), c, k.name)
	}
}

func TestLoad_Precedence(t *testing.T) {
	env := environment(t, `
[aur]
enabled = false          # for now
interval = "12h"
live.timeout = "1500ms"

[memory]
limit = 67_108_864
max_caches = "8 MiB"

[access]
users = [
  "alice", # a comment
  "1000",
]

[limits]
max_connections = 0x10

tracker = { enabled = false }
`, map[string]string{"OMG_AUR_INTERVAL": "6h", "OMG_ACCESS_GROUPS": "wheel, 100", "OMG_METRICS_ADDRESS": "[::1]:9100"})
	l, err := Load(env, false)
	require.NoError(t, err)
	file := l.Files[0]
	require.Equal(t, []string{file + `:20: unknown setting "limits.tracker.enabled"`}, l.Warnings)
	require.NoError(t, l.SetFlag("log.level", "debug", "--log-level"))
	want := Default()
	want.AUR.Enabled, want.AUR.Interval, want.AUR.LiveQueries.Timeout = false, Duration(6*time.Hour), Duration(1500*time.Millisecond)
	want.Memory.Limit, want.Memory.MaxCacheBytes = 64<<20, 8<<20
	want.Access.Users, want.Access.Groups = []string{"alice", "1000"}, []string{"wheel", "100"}
	want.Limits.MaxConnections = 16
	want.Metrics.Address = "[::1]:9100"
	want.Log.Level = "debug"
	require.Equal(t, want, l.Config)
	require.Equal(t, map[string]string{
		"aur.enabled": file + ":3", "aur.interval": "OMG_AUR_INTERVAL", "aur.live.timeout": file + ":5",
		"memory.limit": file + ":8", "memory.max_caches": file + ":9", "access.users": file + ":12",
		"access.groups": "OMG_ACCESS_GROUPS", "limits.max_connections": file + ":18", "metrics.address": "OMG_METRICS_ADDRESS",
		"log.level": "--log-level",
	}, l.Origins)
	for _, s := range l.Settings() {
		if s.Key == "memory.limit" {
			require.Equal(t, Setting{"memory.limit", "64MiB", file + ":8", "0", "OMG_MEMORY_LIMIT", true}, s)
		}
	}
	require.Error(t, l.SetFlag("log.level", "loud", "--log-level"))
	require.Error(t, l.SetFlag("log.colour", "red", "--log-colour"))
}

// TestLoad_Errors checks the error for each of many wrong lines in a file.
func TestLoad_Errors(t *testing.T) {
	for line, want := range map[string]string{
		`refresh.interval = "soon"`:              `:2: refresh.interval: "soon" is not a time: write it as 30s, 5m or 24h`,
		`refresh.interval = 300`:                 `:2: refresh.interval: a number is not a time: write it as "30s", "5m" or "24h"`,
		`refresh.interval = "1s"`:                `:2: refresh.interval: must be at least 5s`,
		`refresh.interval = "48h"`:               `:2: refresh.interval: must be at most 24h`,
		`refresh.interval = "-1s"`:               `:2: refresh.interval: must be at least 5s`,
		`cache.max_entries = "many"`:             `:2: cache.max_entries: "many" is not a whole number, or is too large`,
		`cache.max_entries = "100"`:              `:2: cache.max_entries: "100" is a string: write it without quotes`,
		`cache.max_entries = 1.5`:                `:2: cache.max_entries: "1.5" is not a whole number, or is too large`,
		`cache.max_entries = 99999999999`:        `:2: cache.max_entries: "99999999999" is not a whole number, or is too large`,
		`memory.limit = "12 monkeys"`:            `:2: memory.limit: "12 monkeys" is not a size: write it as 1024, 64KiB or 16MiB`,
		`memory.limit = "9999999999GiB"`:         `:2: memory.limit: "9999999999GiB" is not a size: write it as 1024, 64KiB or 16MiB`,
		`memory.limit = true`:                    `:2: memory.limit: a boolean is not a size: write it as 1024, "64KiB" or "16MiB"`,
		`memory.max_store = "1KiB"`:              `:2: memory.max_store: must be at least 1MiB`,
		`aur.enabled = "yes"`:                    `:2: aur.enabled: "yes" is neither true nor false`,
		`aur.enabled = "true"`:                   `:2: aur.enabled: "true" is a string: write it without quotes`,
		`aur.enabled = 0`:                        `:2: aur.enabled: "0" is neither true nor false`,
		`aur.enabled = {}`:                       `:2: aur.enabled: a table is neither true nor false`,
		`aur.enabled = ["false"]`:                `:2: aur.enabled: a list is neither true nor false`,
		`cache.max_entries = ["100"]`:            `:2: cache.max_entries: a list is not a number`,
		`cache.ttl = { minutes = 5 }`:            `:2: cache.ttl: a table is not a time: write it as "30s", "5m" or "24h"`,
		`aur = false`:                            `:2: aur is a section, not a setting: write aur.enabled = false`,
		`sync = true`:                            `:2: sync is a section, not a setting: write sync.enabled = true`,
		"[aur]\nlive = false":                    `:3: aur.live is a section, not a setting: write aur.live.enabled = false`,
		`aur = "off"`:                            `:2: aur is a section, not a setting: write [aur] and its settings below`,
		`log = "debug"`:                          `:2: log is a section, not a setting: write [log] and its settings below`,
		`access = ["alice"]`:                     `:2: access is a section, not a setting: write [access] and its settings below`,
		"\n[aur.enabled]":                        `:3: aur.enabled is a setting, not a section: write aur.enabled = VALUE`,
		`[[access.users]]`:                       `:2: access.users is a setting, not a section: write access.users = VALUE`,
		`[[aur]]`:                                `:2: [[aur]] is a list of sections: write [aur]`,
		`aur.url = "http://example.org"`:         `:2: aur.url: "http://example.org" is not encrypted: use https`,
		`aur.url = "aur.archlinux.org"`:          `:2: aur.url: "aur.archlinux.org" is not a URL with one of the schemes https, http`,
		`aur.url = 5`:                            `:2: aur.url: a number is not a string: put it in quotes`,
		`aur.url = 2026-01-01`:                   `:2: aur.url: a date is not a string: put it in quotes`,
		`aur = { live = { max_per_day = 9000 }}`: `:2: aur.live.max_per_day: must be at most 4000`,
		`log.level = "loud"`:                     `:2: log.level: "loud" is not one of error, warn, info, debug, trace`,
		`access.users = "root"`:                  `:2: access.users: a string is not a list: write it as ["one", "two"]`,
		`access.users = [1]`:                     `:2: access.users: an element of the list is not a string: put it in quotes`,
		`access.users = [""]`:                    `:2: access.users: an element of the list is empty`,
		`metrics.address = "0.0.0.0:9100"`:       `:2: metrics.address: "0.0.0.0:9100" is not a local address: use 127.0.0.1, [::1] or a path`,
		`metrics.address = "9100"`:               `:2: metrics.address: "9100" is neither an absolute path nor a host and a port`,
		`debug.pprof = "pprof.sock"`:             `:2: debug.pprof: "pprof.sock" is not an absolute path`,
		`network.proxy = "proxy"`:                `:2: network.proxy: "proxy" is not a URL with one of the schemes http, https, socks5, socks5h`,
		`network.user_agent = "a\nb"`:            `:2: network.user_agent: "a\nb" has control characters`,
		`cache.max_entries = `:                   `:2: `,
		"cache.ttl = '1m'\ncache.ttl='2m'":       `:3: cache.ttl: already set in `,
		`[cache`:                                 `:2: `,
	} {
		_, err := Load(environment(t, "# first line\n"+line+"\n", nil), false)
		require.ErrorContains(t, err, "/.config/omg/config.toml"+want, line)
		require.NotContains(t, err.Error(), "\n", line)
		var conf *Error
		require.ErrorAs(t, err, &conf)
	}
	_, err := Load(environment(t, "", map[string]string{"OMG_AUR_LIVE_TIMEOUT": "never"}), false)
	require.EqualError(t, err, `OMG_AUR_LIVE_TIMEOUT: "never" is not a time: write it as 30s, 5m or 24h`)
}

func TestLoad_Files(t *testing.T) {
	chosen := map[string]string{"OMG_CONFIG": "$HOME/.config/omg/config.toml"}
	_, err := Load(environment(t, "", chosen), false)
	require.ErrorIs(t, err, os.ErrNotExist, "the file in OMG_CONFIG must exist")
	env := environment(t, "cache.max_entries = 5", chosen)
	l, err := Load(env, true)
	require.NoError(t, err)
	require.Equal(t, 5, l.Cache.MaxEntries)
	file := l.Files[0]

	require.NoError(t, os.Chmod(file, 0o666))
	_, err = Load(env, false)
	require.ErrorIs(t, err, paths.ErrUntrusted)
	require.NoError(t, os.Chmod(file, 0o644))
	require.NoError(t, os.Truncate(file, maxFileSize+1))
	_, err = Load(env, false)
	require.ErrorContains(t, err, "more than 262144 bytes")
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.Mkdir(file, 0o755))
	_, err = Load(env, false)
	require.ErrorContains(t, err, file+": not a regular file")
	l, err = Load(environment(t, "cache.max_entries = 5", nil), true)
	require.NoError(t, err)
	require.NotEqual(t, 5, l.Cache.MaxEntries, "the system-wide daemon does not read the user's file")

	nowhere := map[string]string{"HOME": "/dev/null"}
	l, err = Load(paths.Env{Root: t.TempDir(), Getenv: func(name string) string { return nowhere[name] }}, false)
	require.NoError(t, err, "a home that is not a directory has no configuration")
	require.Empty(t, l.Origins)
}

func TestParse_SizesAndTimes(t *testing.T) {
	for n, want := range map[Size]string{0: "0", 1: "1B", 1024: "1KiB", 1536: "1536B", 64 << 20: "64MiB", 3 << 30: "3GiB"} {
		require.Equal(t, want, n.String())
		back, err := parseSize(want)
		require.NoError(t, err)
		require.Equal(t, n, back)
	}
	for d, want := range map[time.Duration]string{0: "0s", time.Minute: "1m", 24 * time.Hour: "24h", 90 * time.Minute: "1h30m", 1500 * time.Millisecond: "1.5s"} {
		require.Equal(t, want, Duration(d).String())
		back, err := parseDuration(want)
		require.NoError(t, err)
		require.Equal(t, d, time.Duration(back))
	}
}

func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"", "[aur]\nenabled = false", "aur.live = { deadline = '1s' }", "[[aur]]\nx=1", "memory.limit = 1e9", "a.b.c.d = []", "access.users = [['x']]",
		"\"aur\".\"url\" = '''https://x'''", "aur.url = \"\"\"\nhttps://x\"\"\"", "[aur.live]\ndaily = +1", "x = 1979-05-27T07:32:00Z", "log = {level = 'info', level = 'info'}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &Loaded{Config: Default(), Origins: map[string]string{}}
		if err := l.parse("file", data); err == nil {
			for name := range l.Origins {
				_, ok := keyNamed(name)
				require.True(t, ok)
			}
		}
	})
}

func TestListen_Addresses(t *testing.T) {
	for _, good := range []string{"", "/run/x.sock", "127.0.0.1:9100", "[::1]:9100", "localhost:0", "127.9.9.9:65535"} {
		require.NoError(t, checkListenAddress(good), good)
	}
	for _, bad := range []string{
		"x", ":", ":9100", "9100", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "::1:9100", "[::1:9100", "::1]:9100",
		"[::1]", "[127.0.0.1]:9100", "[]:1", "192.168.0.1:9100", "[fe80::1]:9100", "relative/path", "host:9100",
	} {
		require.Error(t, checkListenAddress(bad), bad)
	}
}
