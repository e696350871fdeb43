package app

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/publication"
)

// TestExpires checks that the time after which a document expires can have days.
func TestExpires(t *testing.T) {
	w := newTestSystem(t)
	require.Equal(t, exit.OK, w.run("keygen", "-W", "-s", w.path("key"), "-p", w.path("key.pub")).code)
	for _, c := range []struct {
		args     []string
		document string
		days     int64 // of the largest value
		tooLong  string
	}{
		{[]string{"publish", "--source", "repository=" + w.database("core")}, publication.ManifestName, 90, "--expires 2160h1m0s: not between 1 minute and 90 days (90d)"},
		{[]string{"keys", w.path("key.pub")}, publication.StatementName, 732, "--expires 17568h1m0s: not between 1 minute and 2 years (732d)"},
	} {
		run := func(expires string) ended {
			return w.run(append(c.args, "-s", w.path("key"), "--out", w.path("out"), "--expires", expires)...)
		}
		r := run(fmt.Sprintf("%dd", c.days))
		require.Equal(t, exit.OK, r.code, r.stderr)
		var header publication.Header
		require.NoError(t, json.Unmarshal(w.read(w.path("out/"+c.document)), &header))
		require.Equal(t, c.days*24*60*60, header.Expires-header.Created)
		for expires, want := range map[string]string{fmt.Sprintf("%dd", c.days) + "1m": c.tooLong, "90 days": `invalid value "90 days" for --expires`} {
			r = run(expires)
			require.Equal(t, exit.Usage, r.code)
			require.Contains(t, r.stderr, want)
		}
	}
}
