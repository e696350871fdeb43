package keyfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
)

// The tests of encrypted keys are in integration/scripts, because decrypting needs 1 GiB of memory, and with the race detector several.

// noPassword is the password function of a test whose key is not encrypted.
func noPassword() (string, error) { return "", errors.New("asked for a password") }

// runMinisign runs minisign in a directory.
func runMinisign(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(need.Program(t, "minisign"), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestGenerate_Minisign checks that minisign signs with our secret key and verifies with our public key.
func TestGenerate_Minisign(t *testing.T) {
	dir := t.TempDir()
	secret, public, file := filepath.Join(dir, "key"), filepath.Join(dir, "key.pub"), filepath.Join(dir, "file")
	key, err := Generate(secret, public, "")
	require.NoError(t, err)
	fi, err := os.Stat(secret)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, fi.Mode())
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o644))
	runMinisign(t, dir, "-S", "-s", secret, "-m", file)
	runMinisign(t, dir, "-V", "-p", public, "-m", file)
	signature, err := os.ReadFile(file + ".minisig")
	require.NoError(t, err)
	require.True(t, minisign.Verify(key, []byte("text"), signature))
	read, err := ReadPublic(public)
	require.NoError(t, err)
	require.True(t, read.Equal(key))
	private, err := ReadSecret(secret, noPassword)
	require.NoError(t, err)
	require.True(t, key.Equal(private.Public()))
}

// TestRead_Minisign checks that keys that minisign has created can be read.
func TestRead_Minisign(t *testing.T) {
	dir := t.TempDir()
	runMinisign(t, dir, "-G", "-W", "-s", "key", "-p", "key.pub")
	secret, err := ReadSecret(filepath.Join(dir, "key"), noPassword)
	require.NoError(t, err)
	public, err := ReadPublic(filepath.Join(dir, "key.pub"))
	require.NoError(t, err)
	require.True(t, public.Equal(secret.Public()))
}

// TestGenerate_Exists checks that no file is replaced, and that no secret key is left without its public key.
func TestGenerate_Exists(t *testing.T) {
	dir := t.TempDir()
	secret, public := filepath.Join(dir, "key"), filepath.Join(dir, "key.pub")
	for _, there := range []string{secret, public} {
		require.NoError(t, os.WriteFile(there, []byte("precious"), 0o644))
		_, err := Generate(secret, public, "")
		require.ErrorIs(t, err, fs.ErrExist)
		require.ErrorContains(t, err, there+":")
		content, err := os.ReadFile(there)
		require.NoError(t, err)
		require.Equal(t, "precious", string(content))
		require.NoError(t, os.Remove(there))
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries)
	}
	require.NoError(t, os.Symlink("nowhere", secret))
	_, err := Generate(secret, public, "")
	require.ErrorIs(t, err, fs.ErrExist)
	require.NoError(t, os.Remove(secret))
	_, err = Generate(secret, filepath.Join(dir, "none", "key.pub"), "")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoFileExists(t, secret)
}

func TestRead_NotKeys(t *testing.T) {
	dir := t.TempDir()
	secret, public := filepath.Join(dir, "key"), filepath.Join(dir, "key.pub")
	_, err := Generate(secret, public, "")
	require.NoError(t, err)
	_, err = ReadSecret(public, noPassword)
	require.EqualError(t, err, public+": not a secret key of minisign")
	_, err = ReadPublic(secret)
	require.EqualError(t, err, secret+": not a public key of minisign")
	for _, path := range []string{dir, filepath.Join(dir, "none")} {
		_, err = ReadSecret(path, noPassword)
		require.ErrorContains(t, err, path)
		_, err = ReadPublic(path)
		require.ErrorContains(t, err, path)
	}
	require.NoError(t, os.WriteFile(secret, bytes.Repeat([]byte("x"), maxBytes+1), 0o600))
	_, err = ReadSecret(secret, noPassword)
	require.ErrorContains(t, err, "more than 4096 bytes")
}

// TestReadLine checks that a password is one line, and that the next one is not touched.
func TestReadLine(t *testing.T) {
	in := strings.NewReader("one\ntwo")
	for _, want := range []string{"one", "two"} {
		got, err := readLine(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := readLine(in)
	require.ErrorIs(t, err, io.EOF)
	_, err = readLine(strings.NewReader("\n"))
	require.EqualError(t, err, "the password is empty")
	longest := strings.Repeat("x", maxPassword)
	got, err := readLine(strings.NewReader(longest + "\n"))
	require.NoError(t, err)
	require.Equal(t, longest, got)
	_, err = readLine(strings.NewReader(longest + "xx"))
	require.EqualError(t, err, "the password has more than 1023 bytes")
}
