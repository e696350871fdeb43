// Package serverconf writes the configuration files of the NATS servers of a fleet.
package serverconf

import (
	_ "embed"
	"strings"
	"text/template"

	"github.com/omg-arch/omg/omg-fleet/internal/streams"
)

// Server describes one server.
type Server struct {
	// Name is the name of the server, which no other one has.
	Name string
	// Port, ClusterPort and LeafPort are the ports for clients, for the other servers of the cluster, and for leaf nodes.
	Port, ClusterPort, LeafPort int
	// Dir is the directory with the files of the server, and State the one in which it keeps its data.
	Dir, State string

	// OperatorJWT is what the server trusts. SystemAccount and SystemJWT are the public key and the JWT of the servers' own account.
	OperatorJWT, SystemAccount, SystemJWT string
	// FleetAccount is the public key of the account of the fleet.
	FleetAccount string

	// Routes are the addresses of the other servers of the cluster; none for a single server.
	Routes []string
	// Hubs are the addresses to which a leaf node connects; none for another server.
	Hubs []string
	// SelfSigned means that the certificates for clients are of the authority that also signs those between servers.
	SelfSigned bool
}

// MaxPayload is the number of bytes of the largest message.
func (s *Server) MaxPayload() int { return streams.MaxMessage }

// IsLeaf reports whether the server is a leaf node, which stores nothing but accounts.
func (s *Server) IsLeaf() bool { return len(s.Hubs) > 0 }

//go:embed nats-server.conf.tmpl
var text string

var parsed = template.Must(template.New("").Funcs(template.FuncMap{"quote": quote}).Parse(text))

// Format returns the configuration file. Equal servers have equal files.
func Format(s *Server) string {
	var b strings.Builder
	if err := parsed.Execute(&b, s); err != nil {
		panic(err) // writing to memory does not fail
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// quote writes a string of the configuration. The names of servers and directories have no other characters that mean something in it.
func quote(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
