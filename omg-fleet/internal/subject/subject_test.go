package subject

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestToken(t *testing.T) {
	for host, want := range map[string]string{
		"web1": "web1", "web-1.example.org": "web-1=2eexample=2eorg", "a*>": "a=2a=3e", "a=b": "a=3db", "größe": "gr=c3=b6=c3=9fe", "a b": "a=20b",
	} {
		require.Equal(t, want, Token(host))
		got, err := Host(Inventory(host))
		require.NoError(t, err)
		require.Equal(t, host, got)
	}
}

func TestHost_Refuses(t *testing.T) {
	for _, subject := range []string{
		"", "omg.state", "other.state.web1.alive", "omg.state..alive", "omg.state.a=2.alive", "omg.state.a=.alive", "omg.state.=61.alive",
		"omg.state.a=2E.alive", "omg.state.a b.alive", "omg.state." + strings.Repeat("a", maxToken+1),
	} {
		_, err := Host(subject)
		require.Error(t, err, subject)
	}
}

// TestHostPermissions checks that no pattern of one host can match a subject of another one.
func TestHostPermissions(t *testing.T) {
	for _, host := range []string{"web1", "*", ">", "a.b", "web1.alive"} {
		p := HostPermissions(host)
		for _, pattern := range append(p.Publish, p.Subscribe...) {
			require.NotContains(t, pattern, "$JS", pattern)
			tokens := strings.Split(pattern, ".")
			require.NotContains(t, tokens[:len(tokens)-1], "*", pattern)
			require.NotContains(t, tokens[:len(tokens)-1], ">", pattern)
		}
	}
}

func TestNode(t *testing.T) {
	got, err := Node(Found("web1", "node.1", "id"))
	require.NoError(t, err)
	require.Equal(t, "node.1", got)
	for _, subject := range []string{"", "omg.found.web1.node", "omg.found.web1..id", "omg.found.web1.a=2.id", "omg.state.web1.node.id", "omg.found.web1.node.id.more"} {
		_, err := Node(subject)
		require.Error(t, err, subject)
	}
}

func FuzzToken(f *testing.F) {
	f.Add("web1.example.org")
	f.Fuzz(func(t *testing.T, host string) {
		if host == "" || len(host) > 255 {
			return
		}
		got, err := Host(Alive(host))
		require.NoError(t, err)
		require.Equal(t, host, got)
	})
}
