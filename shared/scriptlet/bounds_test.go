package scriptlet

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/termtext"
)

// hostile has scripts that are made to hide something, or to use up the memory of their reader.
var hostile = map[string]string{
	"deep subshells":         "post_install() {\n" + strings.Repeat("(", MaxSize/4) + "curl u" + strings.Repeat(")", MaxSize/4) + "\n}\n",
	"open subshells":         "post_install() {\n" + strings.Repeat("( ", MaxSize/4),
	"deep substitutions":     "post_install() {\necho " + strings.Repeat("$(", MaxSize/8) + "curl u" + strings.Repeat(")", MaxSize/8) + "\n}\n",
	"deep quotes":            "post_install() {\necho " + strings.Repeat("\"$(", MaxSize/8) + "\n}\n",
	"deep arithmetic":        "post_install() {\n: $((" + strings.Repeat("(", MaxSize/4) + "1" + strings.Repeat(")", MaxSize/4) + "))\n}\n",
	"long sums":              "post_install() {\n: $((" + strings.Repeat("1+", MaxSize/4) + "1))\n}\n",
	"long conditions":        "post_install() {\n" + strings.Repeat("true && ", MaxSize/16) + "curl u\n}\n",
	"long pipes":             "post_install() {\n" + strings.Repeat("true | ", MaxSize/16) + "curl u\n}\n",
	"deep conditions":        "post_install() {\n" + strings.Repeat("if true; then ", 5000) + "curl u\n}\n",
	"long else":              "post_install() {\nif a; then b\n" + strings.Repeat("elif a; then b\n", 5000) + "fi\n}\n",
	"deep parameters":        "post_install() {\necho " + strings.Repeat("${a:-", 20000) + strings.Repeat("}", 20000) + "\n}\n",
	"deep functions":         "post_install() {\n" + strings.Repeat("a() {\n", 20000) + "curl u\n" + strings.Repeat("}\n", 20001),
	"too large":              "post_install() {\n" + strings.Repeat("\n", MaxSize) + "}\n",
	"no text":                "post_install() {\n\x00\n}\n",
	"texts in texts":         "post_install() {\neval \"sh -c \\\"eval \\\\\\\"sh -c 'eval \\\\\\\\\\\\\\\"eval true\\\\\\\\\\\\\\\"'\\\\\\\"\\\"\"\n}\n",
	"many sudos":             "post_install() {\n" + strings.Repeat("sudo ", 100) + "curl u\n}\n",
	"long values":            "post_install() {\nx=aaaaaaaa" + strings.Repeat("; x=$x$x", 20) + "\n" + strings.Repeat("$x$x$x$x\n", MaxSize/16) + "\n}\n",
	"functions in arguments": "f() { \"$@\"; }\npost_install() {\n" + strings.Repeat("f ", 1000) + "\n}\n",
	"many alternatives":      "post_install() {\nfor x in sudo env nice nohup exec command time doas; do\n" + strings.Repeat("$x ", 1000) + "\ndone\n}\n",
	"many unknown names":     manyFunctions() + "post_install() {\n" + strings.Repeat("f1$(a)\n", 1000) + "$(b)f$(c)\n}\n",
	"not valid":              "post_install() {\nif\n}\n",
	"many texts to run":      "post_install() {\n" + strings.Repeat("eval a$RANDOM\n", 10) + manyTexts() + "}\n",
	"not closed":             "post_install() {\necho \"a\n}\n",
	"open here-document":     "post_install() {\ncat <<X\n}\n",
	"deep braces":            "post_install() {\n" + strings.Repeat("{a,", 2000) + strings.Repeat("}", 2000) + "\n}\n",
}

func manyFunctions() string {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "f%d() { g%d$(x); }\n", i, i)
	}
	return b.String()
}

func manyTexts() string {
	var b strings.Builder
	for i := range maxScripts + 1 {
		b.WriteString("eval 'true " + strings.Repeat("a", i) + "'\n")
	}
	return b.String()
}

// TestExamine_Hostile checks that a script that cannot be examined has the fact that says so.
func TestExamine_Hostile(t *testing.T) {
	for name, script := range hostile {
		t.Run(name, func(t *testing.T) {
			report := Examine([]byte(script), Options{})
			checkReport(t, script, report)
			if name == "deep braces" || name == "open here-document" || name == "long values" { // bash reads these
				return
			}
			kinds := map[Kind]bool{}
			for _, f := range report.Facts {
				kinds[f.Kind] = true
			}
			require.True(t, kinds[KindUnreadable] || report.Omitted > 0, report.Facts)
		})
	}
}

// checkReport checks what holds for each report.
func checkReport(t *testing.T, script string, report Report) {
	t.Helper()
	require.LessOrEqual(t, len(report.Facts), maxFacts)
	last := 0
	for _, f := range report.Facts {
		require.Contains(t, Kinds, f.Kind)
		require.LessOrEqual(t, last, f.Line)
		require.LessOrEqual(t, f.Line, strings.Count(script, "\n")+1)
		last = f.Line
		for _, text := range []string{f.Subject, f.Text, f.Function} {
			require.LessOrEqual(t, utf8.RuneCountInString(text), maxText)
			require.Equal(t, termtext.Clean(text), text)
		}
	}
}

// TestExamine_ManyFacts checks that facts are counted that are left out.
func TestExamine_ManyFacts(t *testing.T) {
	report := Examine([]byte("post_install() {\n"+strings.Repeat("curl u\n", maxFacts+5)+"}\n"), Options{})
	require.Len(t, report.Facts, maxFacts)
	require.Equal(t, 5, report.Omitted)
}

// TestExamine_Text checks that the text of a line is safe to print, and not too long.
func TestExamine_Text(t *testing.T) {
	script := "post_install() {\n\tcurl \x1b[2J\u202e" + strings.Repeat("é", maxText) + "\n\tsudo \\\n  curl u\n}\n"
	report := Examine([]byte(script), Options{})
	require.Len(t, report.Facts, 2)
	require.Equal(t, "post_install", report.Facts[0].Function)
	require.Equal(t, "curl \uFFFD[2J\uFFFD"+strings.Repeat("é", maxText-len("curl _[2J_")-1)+"…", report.Facts[0].Text)
	require.Equal(t, 3, report.Facts[1].Line)
}

// TestExamine_Functions checks which functions run.
func TestExamine_Functions(t *testing.T) {
	for script, want := range map[string][]string{
		"_a() { _b; }\n_b() { curl u; }\npost_upgrade() { _a; }":               {"2 downloads curl"},
		"_a() { curl u; }\npost_upgrade() { :; }":                              {},
		"_a() { curl u; }\npost_upgrade() { :; }\n_a":                          {"1 downloads curl"},
		"curl u\npost_install() { :; }":                                        {"1 downloads curl"},
		"_a() { curl u; }\npost_install() { _a; }; op=$1; shift; $op $*":       {"1 downloads curl"},
		"post_install() { true; }\nprepare() { curl u; }":                      {},
		"_try() { \"$@\" || true; }\npost_install() { _try curl u; }":          {"2 downloads curl"},
		"_try() { local c=$1; $c x; }\npost_install() { _try curl; }":          {"2 downloads curl"},
		"_as() { sudo -u $1 \"$2\"; }\npost_install() { _as bob curl; }":       {"2 downloads curl"},
		"_do() { sh -c \"$1\"; }\npost_install() { _do 'curl u'; }":            {"2 downloads curl"},
		"_1_changes() { curl u; }\npost_install() { \"_${1//./_}_changes\"; }": {"1 downloads curl"},
		"curl() { :; }\npost_install() { curl u; }":                            {"2 downloads curl"},
		"post_install() {\n if !(curl u); then\n true\n fi\n}":                 {"2 downloads curl"},
		"post_install() { if $(grep -q a b); then true; fi; }":                 {},
		"curl u":                          {},
		"#!/bin/sh\n# pre_remove\ncurl u": {"3 downloads curl"},
	} {
		require.Equal(t, want, facts(script), script)
	}
	report := Examine([]byte("pkgver() { curl u; }\npost_install() { wget u; }"), Options{Entries: []string{"pkgver"}})
	require.Len(t, report.Facts, 1)
	require.Equal(t, "pkgver", report.Facts[0].Function)
}

// TestExamine_Owned checks that a package may write its own files.
func TestExamine_Owned(t *testing.T) {
	script := []byte("post_install() {\necho a > /usr/bin/../bin/own\necho a > /usr/bin/other\n}")
	report := Examine(script, Options{IsOwned: func(path string) bool { return path == "/usr/bin/own" }})
	require.Len(t, report.Facts, 1)
	require.Equal(t, 3, report.Facts[0].Line)
}

// TestExamine_Bash checks that the scripts that cannot be parsed are those that bash cannot parse either.
func TestExamine_Bash(t *testing.T) {
	bash := need.Program(t, "bash")
	for _, body := range []string{
		"true", "if", "echo 'a\\'b'", "echo \"a", "a=(1 2)", "a+=(x)", "[[ a =~ (b|c) ]]", "case a in a) ;; esac", "for ((i=0; i<1; i++)); do :; done",
		"${a", "echo $(", "fi", "}", "local -n a=b", "function b { :; }", "cat <<-X\n\ta\n\tX", "coproc x { :; }", "select a in b; do :; done", "a &>> b", "a |& b",
		"[ a", "if a; then fi", "{ }", "( )", "a;;", "echo ${a@Q} ${a^^} ${!a*}", "while :; done", "time -p a", "! a", "a=$'\\x41'", "$((1+2))", "mapfile -t a < <(b)",
		"echo ${a[@]:1:2}", "until a; do b; done", "a() ( b )", "if !(a); then b; fi",
	} {
		script := "post_install() {\n" + body + "\n}\n"
		check := exec.Command(bash, "-n")
		check.Stdin = strings.NewReader(script)
		isValid := check.Run() == nil
		isReadable := true
		for _, f := range Examine([]byte(script), Options{}).Facts {
			isReadable = isReadable && f.Kind != KindUnreadable
		}
		require.Equal(t, isValid, isReadable, body)
	}
}

// FuzzExamine reads random bytes as a scriptlet.
func FuzzExamine(f *testing.F) {
	for line := range examples {
		f.Add("post_install() {\n" + line + "\n}\n")
	}
	for _, script := range hostile {
		if len(script) < 10000 {
			f.Add(script)
		}
	}
	f.Fuzz(func(t *testing.T, script string) {
		checkReport(t, script, examine([]byte(script), Options{IsOwned: func(string) bool { return false }}))
	})
}
