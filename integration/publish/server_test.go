package publish

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// TestPull_Server checks that a repository whose publisher names its server is not used for another repository of the same name, and that omg says
// so.
func TestPull_Server(t *testing.T) {
	p := newPublisher(t, 1, 150)
	requireOK(t, p.Run("omg-index", append([]string{"publish", "-s", p.Path("key"), "--out", p.dir, "--server", "extra=https://own.example.org/$repo/$arch"}, p.DatabaseFlags()...)...))
	server := httptest.NewServer(http.FileServer(http.Dir(p.dir)))
	t.Cleanup(server.Close)
	for name, c := range map[string]struct {
		server string
		isUsed bool
	}{
		"its server":     {"Server = https://own.example.org/$repo/$arch/", true},
		"one of several": {"Server = https://mirror.example.org/$repo\nServer = https://own.example.org/extra/x86_64", true},
		"another server": {"Server = https://mirror.example.org/$repo/$arch", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := machine(t, harness.WithoutDatabases(), p.key, server.URL)
			harness.WriteFile(t, m.PacmanConf, strings.Replace(fixture.PacmanConfig, "[extra]\nServer = file:///nowhere/$repo", "[extra]\n"+c.server, 1))
			d := m.StartDaemon()
			var core, extra *wire.Source
			d.AwaitStatus(func(st *wire.StatusResult) bool {
				core, extra = sourceOf(st, "core"), sourceOf(st, "extra")
				return core != nil && core.Publisher != "" && extra != nil && (extra.Publisher != "" || strings.Contains(extra.Why, "pulled"))
			}, "the pulled repositories")
			require.Equal(t, c.isUsed, extra.Publisher != "")
			why := "another repository of this name: its server is https://own.example.org/extra/x86_64, which pacman.conf does not have"
			require.Equal(t, !c.isUsed, strings.Contains(strings.Join(strings.Fields(d.Omg("status").Stdout), " "), why))
		})
	}
}

// sourceOf returns the repository with a name in a status; nil if there is none.
func sourceOf(st *wire.StatusResult, name string) *wire.Source {
	list := st.ComparedSources
	if list == nil {
		list = st.Sources
	}
	for i := range list {
		if list[i].IsRepository() && list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}
