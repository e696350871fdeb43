package setup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/need"
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

// removePrompts removes the blocks, and returns the paths of the changed files.
func (h *home) removePrompts(recorded *Record) (changed []string) {
	h.t.Helper()
	changes, err := RemovePrompts(h.env(), recorded)
	require.NoError(h.t, err)
	for _, c := range changes {
		require.NoError(h.t, c.Apply(h.env()))
		changed = append(changed, c.Path)
	}
	return changed
}

const blockOfX = beginLine + "\nx\n" + endLine + "\n"

// TestParse_RoundTrip checks that a block can be added to any file and removed again, and that everything else stays.
func TestParse_RoundTrip(t *testing.T) {
	for _, content := range []string{"", "a\n", "a\nb", "\n\n", "a\r\nb\r\n", "\xff\x00\n"} {
		before, err := parse(content)
		require.NoError(t, err)
		require.Equal(t, content, before.withBlock("", nil))
		note := before.noteFor(true)
		with := before.withBlock(note, []string{"x"})
		require.Equal(t, 1, strings.Count(with, strings.Join(append(block(note, []string{"x"}), ""), "\n")))
		removed, err := parse(with)
		require.NoError(t, err)
		require.Equal(t, content, removed.withBlock("", nil), "the file is as it was")

		again, err := parse(with + "after\n")
		require.NoError(t, err)
		require.Equal(t, with+"after\n", again.withBlock(again.noteFor(true), []string{"x"}), "the same block")
		require.Equal(t, strings.Replace(with, "\nx\n", "\ny\nz\n", 1)+"after\n", again.withBlock(again.noteFor(true), []string{"y", "z"}), "the block stays in its place")
		want := content
		if content != "" && !strings.HasSuffix(content, "\n") {
			want += "\n"
		}
		require.Equal(t, want+"after\n", again.withBlock("", nil), "the line before the block has to end, if a line follows")
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
		"a file with two hard links": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o644), os.Link(path, filepath.Join(h.dir, "second")))
		},
		"a large file": func(path string) error { return os.WriteFile(path, make([]byte, maxFileSize+1), 0o644) },
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
	require.ErrorContains(t, err, ".bashrc is not changed: ", "a file of another user")
	if os.Getuid() == 0 { // otherwise, the directory belongs to another user too, and is refused before the file
		require.ErrorIs(t, err, errNotOwn)
	}
	for _, name := range []string{"SUDO_UID", "SUDO_USER", "DOAS_USER", "PKEXEC_UID"} {
		h.vars[name] = "1000"
		_, err = ChangePrompt(h.env(), "bash")
		require.ErrorIs(t, err, ErrOtherUser)
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
	require.NoError(t, os.Chmod(target, 0o600))
	require.ErrorContains(t, c.Apply(h.env()), "changed by another program", "another mode")
	require.NoError(t, os.Chmod(target, 0o640))

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

	c, err = ChangePrompt(h.env(), "zsh")
	require.NoError(t, err)
	require.True(t, c.IsEmpty(), "it is there")
	require.Equal(t, []string{filepath.Join(h.dir, ".zshrc")}, h.removePrompts(nil))
	require.Empty(t, h.removePrompts(nil))
	require.Equal(t, "new\n", h.read(".zshrc"))
	h.write("dotfiles/zshrc", "eval \"$(omg-probe init zsh)\"\n")
	c, err = ChangePrompt(h.env(), "zsh")
	require.NoError(t, err)
	require.True(t, c.IsEmpty(), "the user has added the line")
	h.write("dotfiles/zshrc", "# eval \"$(omg-probe init zsh)\"\n")
	c, err = ChangePrompt(h.env(), "zsh")
	require.NoError(t, err)
	require.False(t, c.IsEmpty(), "a comment adds nothing")
	h.write("dotfiles/zshrc", "eval \"$(omg-probe init zsh --commands)\"\n")
	c, err = ChangePrompt(h.env(), "zsh")
	require.NoError(t, err)
	require.False(t, c.IsEmpty(), "the code for missing commands shows no prompt")
}

// TestChange_ApplyKeepsAttributes checks that the group and the extended attributes of a file stay.
func TestChange_ApplyKeepsAttributes(t *testing.T) {
	need.Root(t)
	h := newHome(t)
	path := h.write(".bashrc", "old\n")
	require.NoError(t, os.Chown(path, -1, 65001))
	require.NoError(t, os.Chmod(path, 0o640))
	if err := unix.Setxattr(path, "user.note", []byte("mine"), 0); !errors.Is(err, unix.ENOTSUP) { // older kernels have none on tmpfs
		require.NoError(t, err)
	}
	names, err := unix.Listxattr(path, nil)
	require.NoError(t, err)
	c, err := ChangePrompt(h.env(), "bash")
	require.NoError(t, err)
	require.NoError(t, c.Apply(h.env()))
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	require.Equal(t, uint32(65001), st.Gid)
	require.Equal(t, uint32(0o640), st.Mode&0o7777)
	kept, err := unix.Listxattr(path, nil)
	require.NoError(t, err)
	require.Equal(t, names, kept)
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

// TestRemovePrompts_Created checks that a startup file that omg setup has created is removed, unless something else is in it.
func TestRemovePrompts_Created(t *testing.T) {
	h := newHome(t)
	path := filepath.Join(h.dir, ".bashrc")
	for _, added := range []string{"", "alias ll='ls -l'\n"} {
		c, err := ChangePrompt(h.env(), "bash")
		require.NoError(t, err)
		require.NoError(t, c.Apply(h.env()))
		h.write(".bashrc", h.read(".bashrc")+added)
		require.Equal(t, []string{path}, h.removePrompts(nil))
		if added == "" {
			require.NoFileExists(t, path)
		} else {
			require.Equal(t, added, h.read(".bashrc"))
		}
	}
	h.write(".bashrc", "")
	c, err := ChangePrompt(h.env(), "bash")
	require.NoError(t, err)
	require.NoError(t, c.Apply(h.env()))
	h.removePrompts(nil)
	require.Empty(t, h.read(".bashrc"), "the user's own empty file stays")
}

// TestRecord checks that a block is found again if the variables that chose its file are not set any more, and that nothing is left.
func TestRecord(t *testing.T) {
	h := newHome(t)
	file := filepath.Join(h.dir, ".local/state/omg/setup.json")
	h.vars["ZDOTDIR"] = filepath.Join(h.dir, "zsh")
	record := func() *Record {
		t.Helper()
		r, err := ReadRecord(h.env())
		require.NoError(t, err)
		return r
	}
	r := record()
	r.AddStartupFile(h.env(), "bash")
	require.NoError(t, r.Save(h.env()))
	require.NoFileExists(t, file, "every run finds ~/.bashrc")

	r.AddStartupFile(h.env(), "zsh")
	r.AddStartupFile(h.env(), "zsh")
	r.HasEnabledUnits = true
	require.NoError(t, r.Save(h.env()))
	c, err := ChangePrompt(h.env(), "zsh")
	require.NoError(t, err)
	require.NoError(t, c.Apply(h.env()))
	delete(h.vars, "ZDOTDIR")
	path := filepath.Join(h.dir, "zsh/.zshrc")
	r = record()
	require.Equal(t, []string{path}, r.StartupFiles)
	require.True(t, r.HasEnabledUnits)
	r.Prune(h.env())
	require.Equal(t, []string{path}, r.StartupFiles, "its block is still there")

	h.write("links/zshrc", h.read("zsh/.zshrc"))
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Symlink("../links/zshrc", path))
	require.NoError(t, os.Symlink("links/zshrc", filepath.Join(h.dir, ".zshrc")))
	require.Equal(t, []string{filepath.Join(h.dir, ".zshrc")}, h.removePrompts(r), "two links to one file")
	r.Prune(h.env())
	r.HasEnabledUnits = false
	require.NoError(t, r.Save(h.env()))
	require.NoError(t, r.Save(h.env()))
	require.NoDirExists(t, filepath.Dir(file))

	h.write(".local/state/omg/setup.json", "[")
	_, err = ReadRecord(h.env())
	require.ErrorContains(t, err, "setup.json is not changed: it is not what omg setup writes: remove it")
	h.vars["HOME"] = ""
	_, err = ReadRecord(h.env())
	require.ErrorIs(t, err, errNoHome)
}
