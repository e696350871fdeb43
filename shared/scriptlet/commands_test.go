package scriptlet

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCommands checks which changes of a script are changes of what it does.
func TestCommands(t *testing.T) {
	const script = "post_install() {\n  # hello\n  echo \"old $1\"\n  cat <<EOF\nold\nEOF\n  if true; then\n    printf '%s\\n' old\n    systemctl daemon-reload >/dev/null 2>&1\n  fi\n}\n"
	old, ok := Commands([]byte(script))
	require.True(t, ok)
	for name, c := range map[string]struct {
		from, to string
		same     bool
	}{
		"a message":               {"old $1", "new $2", true},
		"a here-document":         {"\nold\n", "\nnew\n", true},
		"printf":                  {"' old", "' new", true},
		"another message":         {"  # hello", "  echo more; echo text >&2", true},
		"a comment":               {"# hello", "# bye", true},
		"the layout":              {"  if true; then\n", "if true\nthen\n\n", true},
		"a command":               {"daemon-reload", "enable x", false},
		"one more command":        {"  # hello", "  true", false},
		"no command":              {"    systemctl daemon-reload >/dev/null 2>&1\n", "", false},
		"another hook":            {"post_install", "post_upgrade", false},
		"a condition":             {"if true", "if false", false},
		"printf sets a variable":  {"printf '%s\\n' old", "printf -v PATH x", false},
		"an expansion that sets":  {"$1", "${PATH:=/tmp}", false},
		"an arithmetic expansion": {"$1", "$((x=1))", false},
	} {
		require.Contains(t, script, c.from, name)
		now, ok := Commands([]byte(strings.Replace(script, c.from, c.to, 1)))
		require.True(t, ok, name)
		require.Equal(t, c.same, old == now, "%s: %s", name, now)
	}
	for name, text := range map[string]string{
		"a pipe": "echo x | sh", "a pipe after a block": "{ echo x; } | sh", "a substitution": "echo $(date)", "backquotes": "echo `date`", "a process": "cat <(date)",
		"a file": "echo x >/etc/x", "an appended file": "echo x >>/etc/x", "eval": "eval x", "source": ". /tmp/x", "exec": "exec sh", "a computed command": "$x y",
		"a function named echo": "echo() { sh -c \"$1\"; }", "an alias": "alias echo=sh", "not valid": "if", "a descriptor": "echo x >&3", "a here-string": "cat <<<x",
	} {
		_, ok := Commands([]byte(text + "\n"))
		require.False(t, ok, name)
	}
}

// FuzzCommands checks that Commands ends for each script, and that what it returns does not change when it is read again.
func FuzzCommands(f *testing.F) {
	f.Add([]byte("post_install() {\n echo x\n if true; then cat <<E\nx\nE\nfi\n}\n"))
	f.Add([]byte("case $1 in a) echo b;; esac; for i in 1; do echo $i; done"))
	f.Fuzz(func(t *testing.T, script []byte) {
		Commands(script)
	})
}
