package runtimes

import (
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"
)

var someTOML = []string{
	"a = 'x'\n[t]\nb = \"\\u0041\"\n\"c.d\" = 1\ne.f = ['x', \"y\", 3]\n",
	"[tools]\nnode = {version = '20', x = {y = 'z'}}\n",
	"[[a]]\nb = 'x'\n[a.c]\nd = 'y'\n[[a]]\nb = 'x'\n[a.c]\nd = 'y'\n[[a.e]]\nf = 'z'\n[[a.e]]\nf = 'z'\n",
	"[[a]]\n[[b]]\n[a.c]\nx = 'y'\n[[a]]\n[[b]]\n[a.c]\nx = 'y'\n",
	"a = [{b = 'x'}, {b = 'y'}]\n", "a = '''\nx\ny'''\nb = \"\"\"\nz\"\"\"\n", "# only this\n", "", "a = [['x'], 'y']\n",
	"a = 'x'\na = 'y'\n", "[a]\n[a]\n", "a", "[a", "a = ", "a = 'x", "a = {b = 1", "\x00", "a = \"\xff\"\n", "a = 1979-05-27\n",
}

// texts passes each string in a decoded value to the function add, in the form KEY=STRING.
func texts(key string, value any, add func(string)) {
	switch v := value.(type) {
	case string:
		add(key + "=" + v)
	case map[string]any:
		for k, inside := range v {
			texts(key+"\x00"+k, inside, add)
		}
	case []any:
		for _, inside := range v {
			if _, nested := inside.([]any); !nested {
				texts(key, inside, add)
			}
		}
	}
}

// checkTOML checks that parseTOML accepts each text that the library's decoder accepts, unless it is nested too deeply,
// and that parseTOML returns the same strings.
func checkTOML(t *testing.T, text string) {
	var want, got []string
	var all map[string]any
	decoded := toml.Unmarshal([]byte(text), &all)
	tree, err := parseTOML([]byte(text))
	texts("", tree, func(s string) { got = append(got, s) })
	if err != nil {
		if decoded == nil {
			require.ErrorContains(t, err, "nested too deeply", "%q", text)
		}
		return
	}
	if decoded != nil {
		return // parseTOML need not fail: it accepts some tables and keys that are defined twice, but the decoder does not
	}
	texts("", all, func(s string) { want = append(want, truncateWant(s)) })
	for _, w := range want {
		if _, value, _ := strings.Cut(w, "="); value != "" && len(w) < maxWantBytes && strings.Count(w, "=") == 1 {
			require.True(t, slices.Contains(got, w), "%q: %q is not in %q", text, w, got)
		}
	}
}

func TestTOML_EqualsLibrary(t *testing.T) {
	for _, text := range someTOML {
		checkTOML(t, text)
	}
}

func TestParseTOML_Broken(t *testing.T) {
	for _, text := range []string{"a = 'x'\na = 'y'\n", "[a]\n[a]\n", "a", "[a", "a = ", "a = 'x", "a = {b = 1", "a = \"\xff\"\n"} {
		_, err := parseTOML([]byte(text))
		require.Error(t, err, "%q", text)
		require.Error(t, toml.Unmarshal([]byte(text), new(map[string]any)), "%q", text)
	}
}

func FuzzTOML(f *testing.F) {
	for _, text := range someTOML {
		f.Add(text)
	}
	f.Fuzz(checkTOML)
}
