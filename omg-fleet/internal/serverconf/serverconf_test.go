package serverconf

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// examples are the files in packaging/nats. What differs for each fleet is a word in capital letters there.
func examples() map[string]*Server {
	server := func(name string) *Server {
		return &Server{
			Name: name, Port: 4222, ClusterPort: 6222, LeafPort: 7222, Dir: "/etc/nats", State: "/var/lib/nats",
			OperatorJWT: "OPERATOR_JWT", SystemAccount: "SYSTEM_ACCOUNT", SystemJWT: "SYSTEM_JWT", FleetAccount: "FLEET_ACCOUNT",
		}
	}
	cluster, leaf := server("nats1.example.org-4222"), server("nats.site.example.org-4222")
	cluster.Routes = []string{"nats-route://nats2.example.org:6222", "nats-route://nats3.example.org:6222"}
	leaf.Hubs = []string{"tls://nats1.example.org:7222", "tls://nats2.example.org:7222", "tls://nats3.example.org:7222"}
	return map[string]*Server{"single.conf": server("nats.example.org-4222"), "cluster.conf": cluster, "leaf.conf": leaf}
}

const packaging = "../../../packaging/nats"

// TestExamples compares the files in packaging/nats with what omg-fleet init writes. With UPDATE, it writes them.
func TestExamples(t *testing.T) {
	entries, err := os.ReadDir(packaging)
	if os.Getenv("UPDATE") == "" {
		require.NoError(t, err)
		require.Len(t, entries, len(examples()))
	}
	for name, s := range examples() {
		path := filepath.Join(packaging, name)
		if os.Getenv("UPDATE") != "" {
			require.NoError(t, os.MkdirAll(packaging, 0o755))
			require.NoError(t, os.WriteFile(path, []byte(Format(s)), 0o644))
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(text), Format(s), "UPDATE=1 go test ./omg-fleet/internal/serverconf writes it")
	}
}

func TestFormat_Quotes(t *testing.T) {
	require.Equal(t, `"a\\\"b"`, quote(`a\"b`))
}
