package show

import (
	"bufio"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

func TestLinks_Terminals(t *testing.T) {
	for environment, want := range map[string]bool{
		"": false, "TERM=xterm-256color": false, "TERM=xterm-kitty": true, "TERM=foot": true, "TERM=xterm-kitty TMUX=x": false, "TERM=dumb VTE_VERSION=7000": false,
		"TERM=xterm-256color VTE_VERSION=7000": true, "VTE_VERSION=4800": false, "VTE_VERSION=900": false, "TERM_PROGRAM=WezTerm": true, "KONSOLE_VERSION=220400 STY=x": false,
	} {
		getenv := func(name string) string {
			for _, f := range strings.Fields(environment) {
				if value, ok := strings.CutPrefix(f, name+"="); ok {
					return value
				}
			}
			return ""
		}
		require.Equal(t, want, hasLinks(getenv), environment)
	}
}

// TestLinks_HostileAddress checks that an address from a database cannot end the escape sequence of a link.
func TestLinks_HostileAddress(t *testing.T) {
	for _, bad := range []string{"https://x\x1b\\y", "https://x\x07", "https://x y", "javascript:x", "file:///etc", "https://ü", "", "http:/x", "https://" + strings.Repeat("x", 2000)} {
		shown := write(func(w *bufio.Writer) { printer{Style{Links: true}, w}.printLink("text", bad) })
		require.Equal(t, "text", shown, bad)
	}
	pkg := &wire.Package{Repo: "core", Name: "a", Version: "1", URL: "https://example.org/?a=1&b=%20"}
	shown := write(func(w *bufio.Writer) { Style{Links: true}.PrintInfo(w, pkg) })
	plain := write(func(w *bufio.Writer) { Style{}.PrintInfo(w, pkg) })
	require.Contains(t, shown, "\x1b]8;;"+pkg.URL+"\x1b\\"+pkg.URL+"\x1b]8;;\x1b\\\n")
	require.Equal(t, plain, strings.NewReplacer("\x1b]8;;"+pkg.URL+"\x1b\\", "", "\x1b]8;;\x1b\\", "").Replace(shown))
}

func TestMatches(t *testing.T) {
	for _, c := range []struct{ words, text, want string }{
		{"lib", "A Library of Libs", "A <Lib>rary of <Lib>s"},
		{"fire fox", "Firefox", "<Fire><fox>"},
		{"fire firefox", "firefox", "<firefox>"},
		{"aa", "aaaaa", "<aa><aa>a"},
		{"x", "", ""},
		{"é", "Éé", "<É><é>"},
		{"i", "İi", "İi"}, // the lower case of İ has another length
	} {
		s := Style{Color: true, Matches: strings.Fields(c.words)}
		shown := write(func(w *bufio.Writer) { printer{s, w}.writeMatches(c.text) })
		require.Equal(t, c.want, strings.NewReplacer(matchOn, "<", matchOff, ">").Replace(shown))
		s.Color = false
		require.Equal(t, c.text, write(func(w *bufio.Writer) { printer{s, w}.writeMatches(c.text) }))
	}
}
