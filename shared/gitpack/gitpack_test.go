package gitpack

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/sourcefile"
)

const committedAt = 1_790_000_000

// gitCommand returns the command git in a directory, without the settings of this machine.
func gitCommand(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(need.Program(t, "git"), args...)
	c.Dir = dir
	c.Env = []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a > b", "GIT_AUTHOR_EMAIL=a@example.org",
		"GIT_COMMITTER_NAME=the archive", "GIT_COMMITTER_EMAIL=c@example.org", fmt.Sprintf("GIT_COMMITTER_DATE=%d +0200", committedAt),
	}
	return c
}

func git(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	out, err := gitCommand(t, dir, args...).Output()
	require.NoError(t, err, "%v", args)
	return out
}

// commitFiles commits files to the repository in dir, which it creates if it does not exist.
func commitFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	git(t, dir, "init", "-q")
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "files")
}

// packOf returns a pack with the latest commit of a repository, as a server sends it.
func packOf(t testing.TB, dir string) []byte {
	t.Helper()
	tip := strings.TrimSpace(string(git(t, dir, "rev-parse", "HEAD")))
	list := git(t, dir, "rev-list", "--objects", "--no-walk", tip)
	c := gitCommand(t, dir, "pack-objects", "--stdout", "-q")
	c.Stdin = bytes.NewReader(list)
	pack, err := c.Output()
	require.NoError(t, err)
	return pack
}

func open(pack []byte, t testing.TB) (*Pack, error) {
	return Open(t.Context(), bytes.NewReader(pack), int64(len(pack)))
}

// text returns text that does not compress well, so that git sends a similar text as a delta.
func text(bytes int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < bytes {
		fmt.Fprintf(&b, "%x\n", r.Uint64())
	}
	return b.String()
}

// TestOpen reads packs that the real git makes: with deltas, an empty file, a directory and a link.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	long := text(300_000)
	want := map[string]string{"pkgbase.json": long, "pkgname.json": long[:200_000] + "changed" + long[200_000:], "empty": "", "short": "{}\n"}
	files := map[string]string{"below/file": "x"}
	for name, content := range want {
		files[name] = content
	}
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link")))
	commitFiles(t, dir, files)
	pack := packOf(t, dir)
	require.Less(t, len(pack), 300_000, "the second file is sent as a delta")
	p, err := open(pack, t)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(git(t, dir, "rev-parse", "HEAD"))), p.Commit)
	require.EqualValues(t, committedAt, p.CommittedAt)
	for name, content := range want {
		in, err := p.File(name)
		require.NoError(t, err, name)
		got, err := io.ReadAll(in)
		require.NoError(t, err, name)
		require.True(t, content == string(got), name)
	}
	for _, name := range []string{"link", "below", "below/file", "missing", ".git", ""} {
		_, err := p.File(name)
		require.ErrorIs(t, err, sourcefile.ErrDamaged, name)
	}
}

// TestOpen_Damaged changes, cuts off and appends bytes: each of these is an error.
func TestOpen_Damaged(t *testing.T) {
	dir := t.TempDir()
	commitFiles(t, dir, map[string]string{"pkgbase.json": text(3000), "pkgname.json": text(4000)})
	pack := packOf(t, dir)
	for at := 0; at < len(pack); at += 7 {
		wrong := bytes.Clone(pack)
		wrong[at] ^= 0x10
		_, err := open(wrong, t)
		require.Error(t, err, "byte %d", at)
		_, err = open(pack[:at], t)
		require.Error(t, err, "%d bytes", at)
		// The checksum is right, as in a pack of a hostile server.
		_, err = open(withTrailer(pack[:at]), t)
		require.Error(t, err, "%d bytes and a checksum", at)
	}
	_, err := open(append(bytes.Clone(pack), 0), t)
	require.ErrorIs(t, err, sourcefile.ErrDamaged)
	_, err = open(withTrailer(append(bytes.Clone(pack[:len(pack)-sha1.Size]), 0)), t)
	require.ErrorContains(t, err, "data after the last object")
}

func withTrailer(pack []byte) []byte {
	sum := sha1.Sum(pack)
	return append(bytes.Clone(pack), sum[:]...)
}

// packedObject is an object of a pack that a test writes.
type packedObject struct {
	kind    objectKind
	size    int64 // if it is not the length of the content
	base    objectID
	content string
}

func newPack(t testing.TB, objects ...packedObject) []byte {
	t.Helper()
	b := binary.BigEndian.AppendUint32([]byte(Magic), version)
	b = binary.BigEndian.AppendUint32(b, uint32(len(objects)))
	for _, o := range objects {
		size := o.size
		if size == 0 {
			size = int64(len(o.content))
		}
		first := byte(o.kind)<<4 | byte(size&15)
		for size >>= 4; size > 0; size >>= 7 {
			b, first = append(b, first|0x80), byte(size&0x7f)
		}
		b = append(b, first)
		if o.kind == kindRefDelta {
			b = append(b, o.base[:]...)
		}
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		_, err := io.WriteString(w, o.content)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		b = append(b, z.Bytes()...)
	}
	return withTrailer(b)
}

// TestOpen_Hostile reads packs whose checksum is right, but not their content.
func TestOpen_Hostile(t *testing.T) {
	blob := packedObject{kind: kindBlob, content: "content"}
	blobID := hashOf(kindBlob, []byte(blob.content))
	tree := packedObject{kind: kindTree, content: "100644 file\x00" + string(blobID[:])}
	commitOf := func(tree packedObject, committer string) packedObject {
		return packedObject{kind: kindCommit, content: "tree " + hashOf(kindTree, []byte(tree.content)).String() + "\n" + committer + "\n\ntext\ntree x\n"}
	}
	const committer = "committer a <b> 1790000000 +0000"
	commit := commitOf(tree, committer)
	_, err := open(newPack(t, commit, tree, blob), t)
	require.NoError(t, err)
	delta := func(base objectID, instructions string) packedObject {
		return packedObject{kind: kindRefDelta, base: base, content: "\x07\x08" + instructions}
	}
	for name, c := range map[string]struct {
		objects []packedObject
		want    string
	}{
		"no object":                      {nil, "the pack has no commit"},
		"two commits":                    {[]packedObject{commit, commitOf(tree, "committer a <b> 5 +0000"), tree, blob}, "the pack has several commits"},
		"no directory":                   {[]packedObject{commit, blob}, "the directory of the commit"},
		"a file as the directory":        {[]packedObject{{kind: kindCommit, content: "tree " + blobID.String() + "\n" + committer + "\n"}, blob}, "the directory of the commit"},
		"no time":                        {[]packedObject{commitOf(tree, "author x"), tree, blob}, "has no time"},
		"a time before 1970":             {[]packedObject{commitOf(tree, "committer a <b> -5 +0000"), tree, blob}, "has no time"},
		"a directory without end":        {[]packedObject{commitOf(packedObject{content: "100644 file\x00short"}, committer), {kind: kindTree, content: "100644 file\x00short"}}, "cannot be read"},
		"a larger object than it says":   {[]packedObject{commit, tree, {kind: kindBlob, content: "content", size: 3}}, "another size"},
		"a smaller object than it says":  {[]packedObject{commit, tree, {kind: kindBlob, content: "content", size: 1 << 30}}, "another size"},
		"a size beyond all limits":       {[]packedObject{commit, tree, {kind: kindBlob, content: "content", size: 1 << 39}}, "too large"},
		"a commit that needs memory":     {[]packedObject{{kind: kindCommit, content: "x", size: maxInMemoryBytes + 1}}, "of memory"},
		"an object of an unknown kind":   {[]packedObject{{kind: 5, content: "x"}}, "of kind 5"},
		"a delta with an offset":         {[]packedObject{{kind: 6, content: "x"}}, "of kind 6"},
		"a delta of a missing object":    {[]packedObject{commit, tree, delta(objectID{1}, "\x08abcdefgh")}, "which is missing"},
		"a delta of another size":        {[]packedObject{commit, tree, blob, delta(blobID, "\x07abcdefg")}, "cannot be read"},
		"a delta that inserts nothing":   {[]packedObject{commit, tree, blob, delta(blobID, "\x00")}, "cannot be read"},
		"a delta that ends early":        {[]packedObject{commit, tree, blob, delta(blobID, "\x08abc")}, "cannot be read"},
		"a delta that copies too much":   {[]packedObject{commit, tree, blob, delta(blobID, "\x91\x05\x08")}, "cannot be read"},
		"a delta for another object":     {[]packedObject{commit, tree, blob, {kind: kindRefDelta, base: blobID, content: "\x63\x08\x08abcdefgh"}}, "cannot be read"},
		"a delta with an endless number": {[]packedObject{commit, tree, blob, {kind: kindRefDelta, base: blobID, content: strings.Repeat("\xff", 20)}}, "cannot be read"},
		"a delta of a huge object":       {[]packedObject{commit, tree, blob, {kind: kindRefDelta, base: blobID, content: "\x07\xff\xff\xff\xff\xff\x01"}}, "of memory"},
	} {
		_, err := open(newPack(t, c.objects...), t)
		require.ErrorContains(t, err, c.want, name)
	}
	p, err := open(newPack(t, commitOf(packedObject{content: "100644 file\x00" + strings.Repeat("\x01", 20)}, committer), packedObject{kind: kindTree, content: "100644 file\x00" + strings.Repeat("\x01", 20)}), t)
	require.NoError(t, err)
	_, err = p.File("file")
	require.ErrorContains(t, err, "the file file of the commit")
	for _, header := range []string{"PACK\x00\x00\x00\x03\x00\x00\x00\x00", "PACK\x00\x00\x00\x02\xff\xff\xff\xff", "GARB\x00\x00\x00\x02\x00\x00\x00\x00"} {
		_, err := open(withTrailer([]byte(header)), t)
		require.Error(t, err, "%q", header)
	}
}

// FuzzOpen reads arbitrary packs, whose checksum is right.
func FuzzOpen(f *testing.F) {
	blob := packedObject{kind: kindBlob, content: "content"}
	blobID := hashOf(kindBlob, []byte(blob.content))
	tree := packedObject{kind: kindTree, content: "100644 file\x00" + string(blobID[:])}
	commit := packedObject{kind: kindCommit, content: "tree " + hashOf(kindTree, []byte(tree.content)).String() + "\ncommitter a <b> 1790000000 +0000\n\n"}
	pack := newPack(f, commit, tree, blob, packedObject{kind: kindRefDelta, base: blobID, content: "\x07\x08\x90\x07\x01a"})
	f.Add(pack[:len(pack)-sha1.Size])
	f.Fuzz(func(t *testing.T, pack []byte) {
		p, err := open(withTrailer(pack), t)
		if err != nil {
			return
		}
		for name := range p.files {
			if in, err := p.File(name); err == nil {
				_, _ = io.Copy(io.Discard, in)
			}
		}
	})
}
