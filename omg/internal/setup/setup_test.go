package setup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
)

// home is a home directory.
type home struct {
	t    *testing.T
	dir  string
	vars map[string]string
}

func newHome(t *testing.T) *home {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	return &home{t: t, dir: dir, vars: map[string]string{"HOME": dir}}
}

func (h *home) env() paths.Env {
	return paths.Env{UID: os.Getuid(), Root: h.dir, Getenv: func(name string) string { return h.vars[name] }}
}

func (h *home) write(name, content string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	require.NoError(h.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(h.t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func (h *home) read(name string) string {
	h.t.Helper()
	content, err := os.ReadFile(filepath.Join(h.dir, name))
	require.NoError(h.t, err)
	return string(content)
}

const blockOfX = beginLine + "\nx\n" + endLine + "\n"

// TestParse_RoundTrip checks that a block can be added to any file and removed again, and that everything else stays.
func TestParse_RoundTrip(t *testing.T) {
	for _, content := range []string{"", "a\n", "a\nb", "\n\n", "a\r\nb\r\n", "\xff\x00\n"} {
		for _, atStart := range []bool{true, false} {
			before, err := parse(content)
			require.NoError(t, err)
			require.Equal(t, content, before.withBlock(nil, atStart))
			with := before.withBlock([]string{"x"}, atStart)
			require.Equal(t, 1, strings.Count(with, blockOfX))
			again, err := parse(with)
			require.NoError(t, err)
			require.Equal(t, with, again.withBlock([]string{"x"}, atStart), "the same block")
			require.Equal(t, strings.Replace(with, "\nx\n", "\ny\nz\n", 1), again.withBlock([]string{"y", "z"}, !atStart), "the block stays in its place")
			want := content
			if !atStart && content != "" && !strings.HasSuffix(content, "\n") {
				want += "\n"
			}
			require.Equal(t, want, again.withBlock(nil, atStart))
		}
	}
}

func TestParse_Errors(t *testing.T) {
	for _, content := range []string{beginLine, endLine + "\n", endLine + "\n" + beginLine, beginLine + "\n" + blockOfX, blockOfX + blockOfX, blockOfX + endLine} {
		_, err := parse(content)
		require.ErrorIs(t, err, errBlock, content)
	}
}

// TestChange_Refused checks that only the user's own regular files in the home directory are changed.
func TestChange_Refused(t *testing.T) {
	h := newHome(t)
	outside := filepath.Join(t.TempDir(), "bashrc")
	require.NoError(t, os.WriteFile(outside, nil, 0o644))
	for name, prepare := range map[string]func(path string) error{
		"a link out of the home directory": func(path string) error { return os.Symlink(outside, path) },
		"a link to nothing":                func(path string) error { return os.Symlink("missing", path) },
		"a link to itself":                 func(path string) error { return os.Symlink(path, path) },
		"a directory":                      func(path string) error { return os.Mkdir(path, 0o755) },
		"an incomplete block":              func(path string) error { return os.WriteFile(path, []byte(beginLine), 0o644) },
		"a large file":                     func(path string) error { return os.WriteFile(path, make([]byte, maxFileSize+1), 0o644) },
	} {
		path := filepath.Join(h.dir, ".bashrc")
		require.NoError(t, prepare(path), name)
		_, err := ChangePrompt(h.env(), "bash")
		require.ErrorContains(t, err, path+" is not changed: ", name)
		require.NoError(t, os.RemoveAll(path))
	}
	other := h.env()
	h.write(".bashrc", "")
	other.UID++
	_, err := ChangePrompt(other, "bash")
	require.ErrorIs(t, err, errNotOwn, "a file of another user")
	for _, name := range []string{"SUDO_UID", "DOAS_USER"} {
		h.vars[name] = "1000"
		_, err = ChangePrompt(h.env(), "bash")
		require.ErrorIs(t, err, ErrSudo)
		delete(h.vars, name)
	}
	h.vars["HOME"] = ""
	_, err = ChangePrompt(h.env(), "bash")
	require.ErrorContains(t, err, "set HOME")
}

// TestChange_Apply checks that a link and the mode of a file stay, and that a file that was changed meanwhile is not written.
func TestChange_Apply(t *testing.T) {
	h := newHome(t)
	target := h.write("dotfiles/zshrc", "old\n")
	require.NoError(t, os.Chmod(target, 0o640))
	require.NoError(t, os.Symlink("dotfiles/zshrc", filepath.Join(h.dir, ".zshrc")))
	c, err := ChangePrompt(h.env(), "zsh")
	require.NoError(t, err)
	require.Equal(t, []string{"+" + beginLine, "+" + PromptLine("zsh"), "+" + endLine}, c.Diff)
	h.write("dotfiles/zshrc", "new\n")
	require.ErrorContains(t, c.Apply(h.env()), "changed by another program")
	require.Equal(t, "new\n", h.read(".zshrc"))

	c, err = ChangePrompt(h.env(), "zsh")
	require.NoError(t, err)
	require.NoError(t, c.Apply(h.env()))
	require.Equal(t, "new\n"+strings.Join([]string{beginLine, PromptLine("zsh"), endLine, ""}, "\n"), h.read(".zshrc"))
	fi, err := os.Lstat(filepath.Join(h.dir, ".zshrc"))
	require.NoError(t, err)
	require.Equal(t, os.ModeSymlink, fi.Mode().Type())
	fi, err = os.Stat(target)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), fi.Mode())

	for _, change := range []func(paths.Env, string) (Change, error){ChangePrompt, RemovePrompt, RemovePrompt} {
		c, err = change(h.env(), "zsh")
		require.NoError(t, err)
		require.NoError(t, c.Apply(h.env()))
	}
	require.Equal(t, "new\n", h.read(".zshrc"))
	h.write("dotfiles/zshrc", "eval \"$(omg-probe init zsh)\"\n")
	c, err = ChangePrompt(h.env(), "zsh")
	require.NoError(t, err)
	require.True(t, c.IsEmpty(), "the user has added the line")
}

func TestChangeSettings(t *testing.T) {
	h := newHome(t)
	apply := func(want Settings) {
		t.Helper()
		c, err := ChangeSettings(h.env(), want)
		require.NoError(t, err)
		require.NoError(t, c.Apply(h.env()))
		now, err := Current(h.env())
		require.NoError(t, err)
		require.Equal(t, want, now)
	}
	const file = ".config/omg/config.toml"
	apply(Settings{AUR: true, Tracker: true})
	require.NoFileExists(t, filepath.Join(h.dir, file), "these are the defaults")
	apply(Settings{Tracker: true})
	require.Equal(t, beginLine+"\naur.enabled = false\n"+endLine+"\n", h.read(file))
	h.write(file, h.read(file)+"[log]\nlevel = \"debug\"\n")
	apply(Settings{AUR: true, Tracker: true, Sync: true})
	require.Equal(t, beginLine+"\naur.enabled = true\nsync.enabled = true\n"+endLine+"\n[log]\nlevel = \"debug\"\n", h.read(file))
	c, err := RemoveSettings(h.env())
	require.NoError(t, err)
	require.NoError(t, c.Apply(h.env()))
	require.Equal(t, "[log]\nlevel = \"debug\"\n", h.read(file))

	h.write(file, "[tracker]\ninterval = \"2h\"\n")
	_, err = ChangeSettings(h.env(), Settings{AUR: true})
	require.ErrorContains(t, err, "change them there: tracker.enabled = false")
	apply(Settings{Tracker: true})
	require.Equal(t, beginLine+"\naur.enabled = false\n"+endLine+"\n[tracker]\ninterval = \"2h\"\n", h.read(file))
	h.write(file, "aur = false\n")
	_, err = ChangeSettings(h.env(), Settings{})
	require.ErrorContains(t, err, "config.toml:1: aur is a section")
}

func TestStartupFile(t *testing.T) {
	h := newHome(t)
	_, err := ShellName(h.env())
	require.ErrorIs(t, err, ErrNoShell)
	for _, shell := range Shells {
		h.vars["SHELL"] = "/usr/bin/" + shell
		name, err := ShellName(h.env())
		require.NoError(t, err)
		require.Equal(t, shell, name)
		require.Contains(t, PromptLine(shell), "omg-probe init "+shell)
	}
	require.Equal(t, h.dir+"/.bashrc", StartupFile(h.env(), "bash"))
	require.Equal(t, h.dir+"/.zshrc", StartupFile(h.env(), "zsh"))
	require.Equal(t, h.dir+"/.config/fish/config.fish", StartupFile(h.env(), "fish"))
	h.vars["ZDOTDIR"], h.vars["XDG_CONFIG_HOME"] = "/z", "/x"
	require.Equal(t, "/z/.zshrc", StartupFile(h.env(), "zsh"))
	require.Equal(t, "/x/fish/config.fish", StartupFile(h.env(), "fish"))
}
