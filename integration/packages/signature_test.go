package packages

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// keyring is a home directory of gpg with keys of its own.
type keyring struct {
	t    *testing.T
	home string
}

func newKeyring(t *testing.T) *keyring {
	t.Helper()
	need.Program(t, "gpg-agent")
	home, err := os.MkdirTemp("", "omg-gpg-") // the path of gpg-agent's socket must be short
	require.NoError(t, err)
	k := &keyring{t: t, home: home}
	t.Cleanup(func() {
		k.run("/", "gpgconf", "--kill", "all")
		harness.Await(t, func() bool { return os.RemoveAll(home) == nil }, "the removal of %s", home)
	})
	// gpg starts gpg-agent too, but waits only a few seconds for it.
	var out string
	harness.Await(t, func() bool {
		out, err = k.tryRun("/", "gpgconf", "--launch", "gpg-agent")
		return err == nil
	}, "gpg-agent answers; gpgconf printed: %s", func() string { return out })
	return k
}

// tryRun runs a program with the keyring, and returns its output. On a busy machine, makepkg may take longer than the harness waits.
func (k *keyring) tryRun(dir, program string, args ...string) (string, error) {
	k.t.Helper()
	cmd := prepared(k.t, dir, program, args...)
	cmd.Env = append(cmd.Env, "GNUPGHOME="+k.home, "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run runs a program with the keyring, which must succeed, and returns its output.
func (k *keyring) run(dir, program string, args ...string) string {
	k.t.Helper()
	out, err := k.tryRun(dir, program, args...)
	require.NoError(k.t, err, "%s %q:\n%s", program, args, out)
	return out
}

// generate makes a key as docs/releasing.md does, without a passphrase, and returns its fingerprint.
func (k *keyring) generate(name string) string {
	k.t.Helper()
	made := documented(k.t, "gpg --quick-generate-key")
	made = strings.Replace(made, "gpg ", "gpg --batch --passphrase '' ", 1)
	k.run("/", "bash", "-ec", strings.Replace(made, "omg releases", name, 1))
	list := k.run("/", "bash", "-ec", strings.Replace(documented(k.t, "gpg --list-keys"), "omg releases", name, 1))
	fingerprint := regexp.MustCompile(`(?m)^fpr:+([0-9A-F]{40}):$`).FindStringSubmatch(list)
	require.NotNil(k.t, fingerprint, list)
	return fingerprint[1]
}

// documented returns the line of docs/releasing.md that begins with a command.
func documented(t *testing.T, command string) string {
	t.Helper()
	text := string(harness.ReadFile(t, filepath.Join(harness.ProjectRoot(t), "docs", "releasing.md")))
	lines := regexp.MustCompile(`(?m)^ *(`+regexp.QuoteMeta(command)+`.*)$`).FindAllStringSubmatch(text, -1)
	require.Len(t, lines, 1, "docs/releasing.md has the command %q once", command)
	return lines[0][1]
}

// TestRelease_Signatures signs a tag and a tarball with the commands of docs/releasing.md. Then makepkg must accept the tarball with the
// key that make arch has written into validpgpkeys, and refuse it without this key, with another key, and after a change.
func TestRelease_Signatures(t *testing.T) {
	needMakepkg(t)
	skipLint(t)
	k := newKeyring(t)
	key, other := k.generate("omg releases"), k.generate("somebody else")
	require.NotEqual(t, key, other)

	dir := filepath.Join(t.TempDir(), "project")
	repository(t, dir)
	run(t, dir, "git", "config", "user.signingKey", key)
	k.run(dir, "bash", "-ec", documented(t, "git tag --sign"))
	require.Contains(t, k.run(dir, "bash", "-ec", documented(t, "git verify-tag")), "Good signature from \"omg releases")

	// The tarball has no modules, which makepkg needs only to build it.
	k.run(dir, "make", "dist")
	for _, suffix := range []string{"", ".sha256"} {
		from := filepath.Join(dir, "dist", "omg-1.2.3.tar.gz"+suffix)
		require.NoError(t, os.Rename(from, filepath.Join(dir, "dist", tarball+suffix)))
	}
	sign := func(key string) {
		t.Helper()
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "dist", tarball+".asc")))
		k.run(dir, "bash", "-ec", "KEY="+key+"; "+documented(t, "for file in dist/"))
	}
	sign(key)
	verify := strings.NewReplacer("omg-1.2.3.tar.gz", tarball).Replace(documented(t, "gpg --verify"))
	require.Contains(t, k.run(filepath.Join(dir, "dist"), "bash", "-ec", verify), "Good signature from \"omg releases")
	k.run(dir, "make", "arch", "KEY="+key)

	conf := writeMakepkgConf(t)
	makepkg := func(keys *keyring, flags ...string) (string, error) {
		t.Helper()
		args := append([]string{"env", "SRCDEST=" + filepath.Join(dir, "dist"), "makepkg", "--config", conf, "--nodeps", "--nocolor", "--verifysource"}, flags...)
		if os.Getuid() == 0 {
			args = append([]string{"unshare", "--map-user=1000", "--map-group=1000", "--net"}, args...)
		}
		return keys.tryRun(filepath.Join(dir, "dist", "arch", "omg"), args[0], args[1:]...)
	}
	refused := func(why string, keys *keyring, flags ...string) {
		t.Helper()
		out, err := makepkg(keys, flags...)
		require.Error(t, err, out)
		require.Contains(t, out, tarball+" ... FAILED ("+why)
	}
	out, err := makepkg(k)
	require.NoError(t, err, out)
	require.Contains(t, out, "Verifying source file signatures with gpg")
	require.Equal(t, 2, strings.Count(out, tarball+" ... Passed"), "the checksum and the signature: %s", out)
	require.NotContains(t, out, "WARNING: Warnings have occurred")

	refused("unknown public key", newKeyring(t))
	sign(other)
	refused("invalid public key "+other, k)
	sign(key)
	f, err := os.OpenFile(filepath.Join(dir, "dist", tarball), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString("more")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	refused("bad signature from public key", k, "--skipchecksums")
}
