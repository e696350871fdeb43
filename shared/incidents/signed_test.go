package incidents

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/paths"
)

// signed returns a list, its signature, and the location of its publisher.
func signed(t *testing.T) (list, signature []byte, location Location) {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	location, err = ParseLocation("https://example.org/list.toml " + public.String())
	require.NoError(t, err)
	list = []byte(header + entry)
	return list, minisign.Sign(private, list), location
}

func TestParseSigned(t *testing.T) {
	list, signature, location := signed(t)
	l, err := ParseSigned("x", location.Key, Join(list, signature))
	require.NoError(t, err)
	require.EqualValues(t, 7, l.Sequence)
	l, err = ParseSigned("x", location.Key, Join(list, bytes.ReplaceAll(signature, []byte("\n"), []byte("\r\n"))))
	require.NoError(t, err, "a signature that was edited on another system")
	require.Len(t, l.Incidents, 1)

	_, _, other := signed(t)
	whole := Join(list, signature)
	for name, data := range map[string][]byte{
		"truncated":         whole[:len(whole)-1],
		"longer":            append(bytes.Clone(whole), '\n'),
		"no signature":      list,
		"empty":             nil,
		"only a signature":  signature,
		"changed":           bytes.Replace(whole, []byte("evil"), []byte("good"), 1),
		"trusted comment":   bytes.Replace(whole, []byte("trusted comment: "), []byte("trusted comment: x"), 2),
		"a large signature": Join(list, append(bytes.Repeat([]byte("x"), MaxSignatureBytes), signature...)),
	} {
		_, err := ParseSigned("x", location.Key, data)
		require.ErrorIs(t, err, ErrSignature, name)
	}
	_, err = ParseSigned("x", other.Key, whole)
	require.ErrorIs(t, err, ErrSignature)
}

// TestParseSigned_Minisign checks that signatures of the program minisign are accepted, with both of its algorithms.
func TestParseSigned_Minisign(t *testing.T) {
	need.Program(t, "minisign")
	dir := t.TempDir()
	path, public, secret := filepath.Join(dir, "list.toml"), filepath.Join(dir, "key.pub"), filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(path, []byte(header+entry), 0o644))
	run := func(args ...string) {
		out, err := exec.Command("minisign", args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	run("-G", "-W", "-p", public, "-s", secret)
	text, err := os.ReadFile(public)
	require.NoError(t, err)
	location, err := ParseLocation("https://example.org/list.toml " + strings.Split(string(text), "\n")[1])
	require.NoError(t, err)
	for _, algorithm := range []string{"-H", "-l"} {
		run("-S", algorithm, "-s", secret, "-m", path, "-t", "sequence 7")
		signature, err := os.ReadFile(path + ".minisig")
		require.NoError(t, err)
		l, err := ParseSigned("x", location.Key, Join([]byte(header+entry), signature))
		require.NoError(t, err)
		require.Equal(t, "test", l.Name)
	}
}

func TestParseLocation(t *testing.T) {
	l, err := ParseLocation("/etc/omg/my list.toml")
	require.NoError(t, err)
	require.Equal(t, Location{Path: "/etc/omg/my list.toml"}, l)
	_, err = ParseLocation("https://example.org/list.toml RWQ")
	require.EqualError(t, err, `https://example.org/list.toml: "RWQ" is not a public key of minisign`)
	_, _, one := signed(t)
	_, _, other := signed(t)
	require.Equal(t, "https://example.org/list.toml.minisig", one.SignatureAddress())
	require.Equal(t, "https://example.org/list.toml", one.Address)
	require.NotEqual(t, one.FileName(), other.FileName(), "each key has its own file")
	require.Equal(t, one.FileName(), one.FileName())
	require.Regexp(t, `^incidents-[0-9a-f]{16}\.signed$`, one.FileName())
}

func TestReadSigned(t *testing.T) {
	list, signature, location := signed(t)
	path := filepath.Join(t.TempDir(), location.FileName())
	require.NoError(t, os.WriteFile(path, Join(list, signature), 0o644))
	confirmed := time.Unix(1_780_000_000, 0)
	require.NoError(t, os.Chtimes(path, confirmed, confirmed))
	trusts := paths.ProcessEnv().Trusts
	l, at, err := ReadSigned(&location, path, trusts)
	require.NoError(t, err)
	require.Equal(t, confirmed, at)
	require.Equal(t, location.Address, l.Path)
	require.NoError(t, os.WriteFile(path, Join(append(list, '#'), signature), 0o644))
	_, _, err = ReadSigned(&location, path, trusts)
	require.ErrorIs(t, err, ErrSignature)
	require.EqualError(t, err, location.Address+": the signature is not valid for this key")
}

// FuzzParseSigned checks that no file makes the parser of signatures panic, and that nothing without a valid signature is accepted.
func FuzzParseSigned(f *testing.F) {
	public, private, err := minisign.GenerateKey(strings.NewReader(strings.Repeat("x", 64)))
	if err != nil {
		f.Fatal(err)
	}
	list := []byte(header + entry)
	f.Add(Join(list, minisign.Sign(private, list)))
	f.Add([]byte("untrusted comment: x\nRWQ\ntrusted comment: \n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if l, err := ParseSigned("x", public, data); err == nil {
			require.EqualValues(t, 7, l.Sequence)
			_, got := split(data)
			require.NotEmpty(t, got)
			require.Equal(t, list, data[len(data)-len(list):])
		}
	})
}
