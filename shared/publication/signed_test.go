package publication

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
)

// runMinisign runs Debian's minisign in a directory, and returns what it prints.
func runMinisign(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(need.Program(t, "minisign"), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// TestSign_Minisign checks that minisign verifies our signatures, also if it requires the form for hashed documents.
func TestSign_Minisign(t *testing.T) {
	dir := t.TempDir()
	key, public := newKey(t)
	content := []byte(wholeManifest)
	signature, err := Sign(key, ManifestName, content, now)
	require.NoError(t, err)
	require.NoError(t, writeFile(filepath.Join(dir, ManifestName), wholeManifest))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ManifestName+SignatureSuffix), signature, 0o644))
	out := runMinisign(t, dir, "-V", "-H", "-P", public, "-m", ManifestName)
	require.Contains(t, out, "Trusted comment: timestamp:1789905600\tfile:manifest.json\thashed\tsha256:"+Digest(content)+"\n")
	require.NoError(t, writeFile(filepath.Join(dir, ManifestName), wholeManifest+" "))
	require.Error(t, exec.Command("minisign", "-V", "-P", public, "-m", filepath.Join(dir, ManifestName)).Run())
}

// TestLatest_Minisign checks that a manifest that minisign has signed is accepted, with both forms of signatures. With a comment that
// minisign makes, the manifest comes from manifest.json. If it is older than the signature, both are requested again.
func TestLatest_Minisign(t *testing.T) {
	dir := t.TempDir()
	runMinisign(t, dir, "-G", "-W", "-p", "key.pub", "-s", "key")
	text, err := os.ReadFile(filepath.Join(dir, "key.pub"))
	require.NoError(t, err)
	public := strings.Split(string(text), "\n")[1]
	d := newDirectory()
	document, err := d.newManifest(t, 1, now, "one").Encode()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ManifestName), document, 0o644))
	for _, args := range [][]string{{"-H"}, {"-l"}, {"-l", "-t", "sha256:" + Digest(document)}} {
		runMinisign(t, dir, append([]string{"-S", "-s", "key", "-m", ManifestName}, args...)...)
		signature, err := os.ReadFile(filepath.Join(dir, ManifestName+SignatureSuffix))
		require.NoError(t, err)
		d.files[ManifestName], d.files[ManifestName+SignatureSuffix] = document, signature
		if len(args) > 1 {
			require.Equal(t, Digest(document), SignedHash(signature))
			delete(d.files, ManifestName)
			d.files[CopyName(ManifestName, document)] = document
		}
		r := newReader(t, public)
		r.requireContent(t, d, now, "one")
		d.files[ManifestName], d.files[CopyName(ManifestName, document)] = append(document, ' '), append(document, ' ')
		d.requests = map[string]int{}
		r.requireRefused(t, d, now, ErrDamaged)
		require.Equal(t, 2, d.requests[ManifestName+SignatureSuffix])
	}
}

// TestSign_DamagedKey checks that a key whose public half belongs to another key signs nothing.
func TestSign_DamagedKey(t *testing.T) {
	key, _ := newKey(t)
	text, err := key.MarshalText()
	require.NoError(t, err)
	require.NoError(t, key.UnmarshalText(bytes.Replace(text, text[len(text)-60:len(text)-55], []byte("AAAAA"), 1)))
	_, err = Sign(key, ManifestName, nil, now)
	require.ErrorContains(t, err, "the secret key is damaged")
}

func TestSignedHash(t *testing.T) {
	key, public := newKey(t)
	signature, err := Sign(key, ManifestName, nil, now)
	require.NoError(t, err)
	require.Equal(t, Digest(nil), SignedHash(signature))
	parsed, err := ParseKey(public)
	require.NoError(t, err)
	require.True(t, minisign.Verify(parsed, nil, signature))
	for _, comment := range []string{"", "sha256:", "sha256:" + strings.ToUpper(hashA), "sha256:../" + hashA[3:], "xsha256:" + hashA, "x sha256:" + hashA} {
		require.Empty(t, SignedHash(minisign.NewReader(nil).SignWithComments(key, comment, "")), comment)
	}
	require.Empty(t, SignedHash(nil))
	require.Empty(t, SignedHash(append(bytes.Repeat([]byte("x"), MaxSignatureBytes), signature...)))
}

// FuzzSignedHash checks that a signature names only files in the directory of manifests, whatever it contains.
func FuzzSignedHash(f *testing.F) {
	key, _ := newKey(f)
	signature, err := Sign(key, ManifestName, nil, now)
	require.NoError(f, err)
	f.Add(signature)
	f.Fuzz(func(t *testing.T, signature []byte) {
		if hash := SignedHash(signature); hash != "" {
			require.Regexp(t, `^[0-9a-f]{64}$`, hash)
		}
	})
}
