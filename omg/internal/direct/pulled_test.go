package direct

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pulled"
)

// TestPulled_Damaged checks that a note says, once, why the answers are not from what was pulled.
func TestPulled_Damaged(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	w.env["OMG_INDEX_URLS"], w.env["OMG_INDEX_KEYS"] = "https://index.example.org", "RWSORYDqP+ViKR/6ZTLZUp0a5fuWqjk4chh465+bFu+vu28A1rm7B91v"
	w.found("core", "extra", "multilib")
	require.Empty(t, w.notes, "nothing was pulled")
	dir := pulled.Dir(w.path("share/omg"))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, (&pulled.State{}).Write(dir))
	w.found("core", "extra", "multilib")
	require.Empty(t, w.notes)
	w.write("share/omg/pulled/state.json", "{")
	w.found("core", "extra", "multilib")
	require.Equal(t, []string{"cannot use what was pulled: " + dir + "/state.json: damaged: run omg-index pull again: unexpected end of JSON input"}, w.notes)
}
