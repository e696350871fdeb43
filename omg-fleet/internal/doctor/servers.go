package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/clock"
)

// dirAdvice says how to get to know what only the servers' own account is told.
const dirAdvice = "--dir names the directory with the keys of the fleet"

// serverInfo is what a server says about itself. Other fields are ignored.
type serverInfo struct {
	Server struct {
		Name string `json:"name"`
	} `json:"server"`
	Data struct {
		Version      string    `json:"version"`
		AuthRequired bool      `json:"auth_required"`
		TLSRequired  bool      `json:"tls_required"`
		HTTPHost     string    `json:"http_host"`
		HTTPPort     int       `json:"http_port"`
		HTTPSPort    int       `json:"https_port"`
		Now          time.Time `json:"now"`
		JetStream    struct {
			Config *struct {
				SyncAlways bool `json:"sync_always"`
			} `json:"config"`
		} `json:"jetstream"`
	} `json:"data"`
}

// answerTime is how long the answers of all servers are waited for.
const answerTime = 5 * time.Second

// checkServers asks each server how it is configured.
func (d *doctor) checkServers(ctx context.Context, a *authority.Authority) {
	if a == nil {
		d.addUnknown("synchronous writes", "whether what was confirmed survives a power failure", dirAdvice)
		return
	}
	creds, err := a.System()
	if err != nil {
		d.addUnknown("servers", err.Error(), "")
		return
	}
	o := d.o
	o.Auth = creds.Option()
	conn, err := link.Connect(o)
	if err != nil {
		d.addUnknown("servers", err.Error(), "does --dir have the keys of this fleet?")
		return
	}
	defer conn.Close()
	settings := a.Settings()
	var expected, seen []string
	for _, s := range slices.Concat(settings.Servers, settings.Leaves) {
		expected = append(expected, s.Name())
	}
	began := clock.Now()
	for answer, err := range authority.Ask(ctx, conn, authority.PingServers, nil, answerTime, len(expected)) {
		if err != nil {
			d.addUnknown("servers", err.Error(), "")
			return
		}
		info := &serverInfo{}
		if err := json.Unmarshal(answer, info); err != nil {
			d.addUnknown("servers", err.Error(), "")
			continue
		}
		seen = append(seen, info.Server.Name)
		d.checkServer(info)
		d.checkClock(info.Server.Name, info.Data.Now, began, clock.Now())
	}
	for _, name := range expected {
		if !slices.Contains(seen, name) {
			d.addProblem("servers", name+" has not answered", "start it, or look at its log")
		}
	}
}

func (d *doctor) checkServer(info *serverInfo) {
	name := "server " + info.Server.Name
	v := &info.Data
	before := len(d.checks)
	if !v.AuthRequired {
		d.addProblem(name, "it accepts connections without credentials", "use the configuration that omg-fleet init writes")
	}
	if !v.TLSRequired {
		d.addProblem(name, "it accepts connections that are not encrypted", "add tls to its configuration")
	}
	if v.JetStream.Config != nil && !v.JetStream.Config.SyncAlways {
		d.addProblem(name, "a power failure can lose what it has confirmed", "set sync_interval: always in jetstream of its configuration")
	}
	if v.HTTPPort != 0 && !isLoopback(v.HTTPHost) {
		d.addProblem(name, "its pages with the state of the server can be read by others, without a password", `set http: "127.0.0.1:8222" in its configuration`)
	}
	if v.HTTPSPort != 0 && !isLoopback(v.HTTPHost) {
		d.addProblem(name, "its pages with the state of the server can be read by others, without a password", "remove https from its configuration")
	}
	if len(d.checks) == before {
		d.addOK(name, "NATS "+v.Version+", configured as it should be")
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkHosts checks that no host may do more than hosts have to.
func (d *doctor) checkHosts(a *authority.Authority) {
	const name = "permissions of hosts"
	if a == nil {
		d.addUnknown(name, "what was signed for each host", dirAdvice)
		return
	}
	hosts, err := a.Hosts()
	if err != nil {
		d.addProblem(name, err.Error(), "restore this file, or revoke the host")
		return
	}
	active, bad := 0, false
	for _, h := range hosts {
		if h.Revoked() {
			continue
		}
		active++
		user, err := jwt.DecodeUserClaims(h.JWT)
		if err != nil {
			continue // Hosts has decoded it
		}
		want := subject.HostPermissions(h.Name)
		if !slices.Equal(user.Pub.Allow, want.Publish) || !slices.Equal(user.Sub.Allow, want.Subscribe) || user.BearerToken || user.Resp != nil {
			d.addProblem(name, h.Name+" may do other things than hosts have to", "revoke it with omg-fleet host revoke, and add it with a new key")
			bad = true
		}
	}
	switch {
	case bad:
	case active == 0:
		d.addOK(name, "no host was added")
	default:
		d.addOK(name, fmt.Sprintf("each of the %d hosts can speak for itself only", active))
	}
}
