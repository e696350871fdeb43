package choice

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

func TestPageAddress(t *testing.T) {
	for _, c := range []struct {
		found *wire.Package
		want  string
	}{
		{&wire.Package{Repo: "extra", Name: "gtk+", Arch: "x86_64", URL: "https://x.org/"}, "https://archlinux.org/packages/extra/x86_64/gtk+/"},
		{&wire.Package{Repo: "core", Name: "filesystem", Arch: "any"}, "https://archlinux.org/packages/core/any/filesystem/"},
		{&wire.Package{Repo: "aur", Name: "x", AUR: &wire.AUR{}, URL: "https://x.org/"}, "https://aur.archlinux.org/packages/x"},
		{&wire.Package{Repo: "mine", Name: "x", URL: "https://x.org/a?b=c#d"}, "https://x.org/a?b=c#d"},
		{&wire.Package{Repo: "core", Name: "x", Arch: "aarch64", URL: "http://x.org"}, "http://x.org"},
		{&wire.Package{Name: "x", URL: "http://x.org"}, "http://x.org"},
		{&wire.Package{Repo: "mine", Name: "x"}, ""},
		{&wire.Package{Repo: "mine", Name: "x", URL: "file:///etc/passwd"}, ""},
		{&wire.Package{Repo: "extra", Name: "a/../../login", Arch: "any"}, ""},
		{&wire.Package{Repo: "extra", Name: "a?b", Arch: "any"}, ""},
		{nil, ""},
	} {
		name := "x"
		if c.found != nil {
			name = c.found.Name
		}
		got, err := pageAddress(&browser.Choice{Key: browser.Key{Name: name}}, c.found)
		require.Equal(t, c.want, got)
		require.Equal(t, c.want == "", err != nil)
	}
}

func TestCheckAddress(t *testing.T) {
	for _, bad := range []string{
		"", "x.org", "//x.org", "javascript:alert(1)", "data:text/html,x", "ftp://x.org", "file:///etc/passwd", "http://", "http:///x", "https://:443/",
		"https://user@x.org/", "https://x.org@evil.org/", "-http://x.org", "https://x.org/\x1b[31m", "https://x.org/\n", "https://x.org/'$(id)",
		"https://x.org/" + strings.Repeat("a", maxAddress), "--help",
	} {
		got, err := checkAddress(bad)
		require.Error(t, err, "%q", bad)
		require.Empty(t, got)
		require.Less(t, len(err.Error()), 500)
	}
	for text, want := range map[string]string{
		"HTTPS://x.org/a b": "https://x.org/a%20b", "https://x.org/ü": "https://x.org/%C3%BC", "https://[::1]:8080/": "https://[::1]:8080/", "https://x.org/?a=1&b=2": "https://x.org/?a=1&b=2",
	} {
		got, err := checkAddress(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// openedWith replaces xdg-open by a shell script and returns Pages that use it, and the messages.
func openedWith(t *testing.T, script string) (*Pages, chan string) {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		require.NoError(t, fixture.WriteExecutable(filepath.Join(dir, opener), []byte("#!/bin/sh\n"+script+"\n")))
	}
	t.Setenv("PATH", dir)
	messages := make(chan string, 4)
	p := NewPages(&sources{packages: []wire.Package{{Repo: "extra", Name: "a", Arch: "any"}, {Repo: "mine", Name: "b", URL: "x"}}}, func(text string) { messages <- text })
	p.isRoot = false
	return p, messages
}

// TestPages checks that the program gets the address as its only argument, no terminal, and no input or output.
func TestPages(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	p, messages := openedWith(t, `echo shown; echo shown >&2; { printf '[%s]' "$@"; /bin/cat; } >`+out+`; : </dev/tty && echo terminal >>`+out)
	require.NoError(t, p.Open(t.Context(), chosen("extra", "a")))
	require.Equal(t, "opened https://archlinux.org/packages/extra/any/a/", <-messages)
	require.Contains(t, <-messages, "exit status", "it has no terminal")
	p.Wait()
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, "[https://archlinux.org/packages/extra/any/a/]", string(text))
}

func TestPages_Errors(t *testing.T) {
	p, messages := openedWith(t, "")
	require.NoError(t, p.Open(t.Context(), chosen("extra", "a")))
	require.Equal(t, "xdg-open is not installed: the page is https://archlinux.org/packages/extra/any/a/", <-messages)
	require.NoError(t, p.Open(t.Context(), chosen("mine", "b")))
	require.Contains(t, <-messages, "is not opened")
	require.NoError(t, p.Open(t.Context(), chosen("mine", "gone")))
	require.Contains(t, <-messages, "no source has")
	p.Wait()
	p.isRoot = true
	require.ErrorIs(t, p.Open(t.Context(), chosen("extra", "a")), errRoot)
}

// TestPages_Bounded checks that the number of programs that do not end is limited.
func TestPages_Bounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	fifo, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer fifo.Close()
	p, messages := openedWith(t, "read -r line <"+path)
	for range maxOpening {
		require.NoError(t, p.Open(t.Context(), chosen("extra", "a")))
		require.Contains(t, <-messages, "opened")
	}
	require.ErrorIs(t, p.Open(t.Context(), chosen("extra", "a")), errTooMany)
	_, err = fifo.WriteString(strings.Repeat("\n", maxOpening))
	require.NoError(t, err)
	p.Wait()
	require.Empty(t, p.running)
}

// TestPages_Cancelled checks that a program that does not end does not keep the package browser from ending.
func TestPages_Cancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	p, messages := openedWith(t, "read -r line <"+path)
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, p.Open(ctx, chosen("extra", "a")))
	require.Contains(t, <-messages, "opened")
	cancel()
	p.Wait()
	fifo, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the program
	require.NoError(t, err)
	require.NoError(t, fifo.Close())
}
