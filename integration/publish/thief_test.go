package publish

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/publication"
)

// keygen makes a key of a name in the publisher's home directory, and returns its public part.
func (p *publisher) keygen(name string) string {
	p.T.Helper()
	requireOK(p.T, p.Run("omg-index", "keygen", "-W", "-s", p.Path(name), "-p", p.Path(name+".pub")))
	return strings.Split(string(harness.ReadFile(p.T, p.Path(name+".pub"))), "\n")[1]
}

// state signs a statement that names keys at a time, with the key of the name signer, and writes it into a published directory.
func (p *publisher) state(dir string, at time.Time, signer string, names ...string) {
	p.T.Helper()
	args := []string{"keys", "-s", p.Path(signer), "--out", dir}
	for _, name := range names {
		args = append(args, p.Path(name+".pub"))
	}
	requireOK(p.T, p.WithEnv("OMG_TEST_TIME="+at.Format(time.RFC3339)).Run("omg-index", args...))
}

// publishWith publishes the databases of a day at a time, with the key of a name, into a directory.
func (p *publisher) publishWith(name, dir string, at time.Time, day int) {
	p.T.Helper()
	next := *p
	next.System, next.dir, next.secret = p.WithEnv("OMG_TEST_TIME="+at.Format(time.RFC3339)), dir, name
	next.publish(day)
}

// forge changes the numbers of a manifest in a published directory, and signs it with minisign and the stolen key of a name.
func (p *publisher) forge(name, dir string, numbers map[string]int64) {
	p.T.Helper()
	path := filepath.Join(dir, publication.ManifestName)
	document := string(harness.ReadFile(p.T, path))
	for member, number := range numbers {
		member := regexp.MustCompile(`"` + member + `": \d+`)
		require.Regexp(p.T, member, document)
		document = member.ReplaceAllString(document, fmt.Sprintf("%s: %d", strings.Split(member.String(), ":")[0], number))
	}
	harness.WriteFile(p.T, path, document)
	harness.WriteFile(p.T, filepath.Join(dir, publication.CopyName(publication.ManifestName, []byte(document))), document)
	r := p.Run(need.Program(p.T, "minisign"), "-S", "-s", p.Path(name), "-m", path, "-t", "sha256:"+publication.Digest([]byte(document)))
	require.Zero(p.T, r.Code, r.Stderr)
}

// TestAttack_KeyTheft has a thief who has the online key, controls a mirror and signs the largest sequence that there is. He can give this data to
// machines until the offline key has named another key, but he cannot name the next key, and cannot lock out the publisher. After the
// statement he can do nothing.
func TestAttack_KeyTheft(t *testing.T) {
	p, copies, v := newAttacked(t)
	v.trust, v.Data = []string{"-P", "offline " + p.keygen("offline")}, v.Path("offline")
	now := v.now
	thief := p.keygen("thief")
	p.keygen("next")
	for _, dir := range []string{p.dir, copies[1]} {
		p.state(dir, now.Add(-72*time.Hour), "offline", "key")
	}
	requireOK(t, v.pull(copies[1]))
	v.requireDay(1)

	// The keys that the thief has name his own key.
	for _, signer := range []string{"key", "thief"} {
		mirror := p.copy()
		p.state(mirror, now, signer, "thief")
		p.publishWith("thief", mirror, now, 3)
		machine := v.fork(t)
		r := machine.pull(mirror)
		require.Equal(t, 3, r.Code, signer)
		require.Contains(t, r.Stderr, mirror+": ")
		require.Contains(t, r.Stderr, "it is not signed by a trusted key", signer)
		machine.requireDay(1)
		require.NotContains(t, string(harness.ReadFile(t, filepath.Join(machine.Data, "pulled", "publishers.json"))), thief)
	}

	// Fast-forward: his manifest has the largest sequence, and is of tomorrow.
	stolen := p.copy()
	p.publishWith("key", stolen, now, 3)
	tomorrow := now.Add(23 * time.Hour).Unix()
	p.forge("key", stolen, map[string]int64{"sequence": 1 << 53, "created": tomorrow, "expires": tomorrow + int64(publication.MaxManifestAge/time.Second)})
	requireOK(t, v.pull(stolen))
	v.requireDay(3)
	v.now = now.Add(time.Hour)
	r := v.pull(p.dir)
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, "older than what was accepted before", "until the statement, he keeps the machines of his mirror")
	for name, numbers := range map[string]map[string]int64{
		"sequence":            {"sequence": 1<<53 + 1},
		"it would not expire": {"sequence": 1 << 53, "expires": tomorrow + int64((publication.MaxManifestAge+time.Hour)/time.Second)},
		"of next year":        {"sequence": 1 << 53, "created": tomorrow + 365*86400, "expires": tomorrow + 366*86400},
	} {
		mirror := p.copy()
		p.forge("key", mirror, numbers)
		machine := v.fork(t)
		r := machine.pull(mirror)
		require.Equal(t, 3, r.Code, name)
		require.Contains(t, r.Stderr, mirror+": ", name)
		machine.requireDay(3)
	}

	// The offline key names the next key. The honest publisher is not locked out, also for machines that the thief has fast-forwarded.
	p.state(p.dir, now, "offline", "next")
	p.publishWith("next", p.dir, now.Add(time.Minute), 2)
	v.now = now.Add(4 * time.Hour)
	requireOK(t, v.pull(p.dir))
	v.requireDay(2)

	// Now his mirror is refused and named, with his statement, without one, with the publisher's, and with a new manifest.
	withStatement := p.copy()
	p.publishWith("key", withStatement, now.Add(3*time.Hour), 3)
	without := filepath.Join(t.TempDir(), "without")
	require.NoError(t, os.CopyFS(without, os.DirFS(stolen)))
	require.NoError(t, os.Remove(filepath.Join(without, publication.StatementName+publication.SignatureSuffix)))
	for mirror, want := range map[string]string{
		stolen: "keys.json: older than what was accepted before", without: "it is not signed by a trusted key", withStatement: "it is not signed by a trusted key",
	} {
		machine := v.fork(t)
		machine.requireRefused(mirror, want, p.dir)
	}
}

// TestAttack_FreezeStatement checks that a thief cannot keep a stolen key alive for longer than its last statement.
func TestAttack_FreezeStatement(t *testing.T) {
	p, _, v := newAttacked(t)
	v.trust, v.Data = []string{"-P", "offline " + p.keygen("offline")}, v.Path("offline")
	p.state(p.dir, v.now, "offline", "key")
	requireOK(t, v.pull(p.dir))
	v.now = v.now.Add(365 * 24 * time.Hour)
	p.publishWith("key", p.dir, v.now, 3)
	r := v.pull(p.dir)
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, p.dir+": ")
	require.Contains(t, r.Stderr, "the statement of an offline key expired at ")
	v.requireDay(2)
	p.state(p.dir, v.now, "offline", "key")
	requireOK(t, v.pull(p.dir))
	v.requireDay(3)
}

// TestRotation changes the online key without a machine noticing: the statement names both keys until each machine has it.
func TestRotation(t *testing.T) {
	p, _, v := newAttacked(t)
	v.trust, v.Data = []string{"-P", "offline " + p.keygen("offline")}, v.Path("offline")
	next := p.keygen("next")
	for i, step := range []struct {
		signer string
		named  []string
	}{{"key", []string{"key"}}, {"key", []string{"key", "next"}}, {"next", []string{"key", "next"}}, {"next", []string{"next"}}} {
		v.now = v.now.Add(time.Hour)
		p.state(p.dir, v.now, "offline", step.named...)
		p.publishWith(step.signer, p.dir, v.now, 3+i)
		r := requireOK(t, v.pull(p.dir))
		require.Empty(t, r.Stderr)
		v.requireDay(3 + i)
		require.Equal(t, step.signer == "next", strings.Contains(r.Stdout, next))
	}
	v.now = v.now.Add(time.Hour)
	p.publishWith("key", p.dir, v.now, 7)
	require.Contains(t, v.pull(p.dir).Stderr, "it is not signed by a trusted key", "the first key is out of use")
	v.requireDay(6)
}
