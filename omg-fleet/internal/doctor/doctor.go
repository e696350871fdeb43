// Package doctor checks how the NATS servers of a fleet are configured.
package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/clock"
)

// FleetChecks are the results of all checks.
type FleetChecks struct {
	// Schema is the version of this document.
	Schema int          `json:"schema"`
	Checks []FleetCheck `json:"checks"`
}

// The outcomes of a check.
const (
	StateOK      = "ok"
	StateProblem = "problem"
	StateUnknown = "unknown"
)

// FleetCheck is the result of one check.
type FleetCheck struct {
	Name string `json:"name"`
	// State is ok, problem or unknown.
	State string `json:"state"`
	// Found is what the check found, and Todo is how to solve the problem, or how to get to know what is unknown.
	Found string `json:"found"`
	Todo  string `json:"todo,omitempty"`
}

// Limits of what is not a problem.
const (
	maxClockDifference = 5 * time.Second
	minCertificateTime = 30 * 24 * time.Hour
	maxPayload         = 8 << 20 // what a server that is not configured for more takes without a warning
)

type doctor struct {
	checks []FleetCheck
	o      link.Options
	conn   *nats.Conn
}

func (d *doctor) addOK(name, found string) { d.add(name, StateOK, found, "") }

func (d *doctor) addProblem(name, found, todo string) { d.add(name, StateProblem, found, todo) }

func (d *doctor) addUnknown(name, found, todo string) { d.add(name, StateUnknown, found, todo) }

func (d *doctor) add(name, state, found, todo string) {
	d.checks = append(d.checks, FleetCheck{name, state, found, todo})
}

// Run checks the servers that the options name, as somebody who asks questions sees them. With the keys of the fleet it also asks each server
// how it is configured; a is nil without them.
func Run(ctx context.Context, o link.Options, a *authority.Authority) (*FleetChecks, error) {
	d := &doctor{o: o}
	var err error
	if d.conn, err = link.Connect(o); err != nil {
		return nil, err
	}
	defer d.conn.Close()
	d.addOK("server", fmt.Sprintf("%s, NATS %s", d.conn.ConnectedServerName(), d.conn.ConnectedServerVersion()))
	d.checkTLS()
	d.checkAnonymous()
	d.checkPayload()
	if err := d.checkStreams(ctx); err != nil {
		return nil, err
	}
	d.checkServers(ctx, a)
	d.checkHosts(a)
	return &FleetChecks{question.Schema, d.checks}, ctx.Err()
}

// checkTLS checks that what is sent is encrypted, for all clients, and that the certificate does not expire soon.
func (d *doctor) checkTLS() {
	const name = "encryption"
	state, err := d.conn.TLSConnectionState()
	switch {
	case err != nil:
		d.addProblem(name, "the connection is not encrypted: everyone on the way can read and change what is sent",
			"add tls to the configuration of the servers, and use addresses with tls://")
		return
	case !d.conn.TLSRequired():
		d.addProblem(name, "the server also accepts connections that are not encrypted", "remove allow_non_tls from the configuration of the servers")
	default:
		d.addOK(name, "the server requires it")
	}
	if len(state.PeerCertificates) > 0 {
		d.checkCertificate(state.PeerCertificates[0])
	}
}

func (d *doctor) checkCertificate(c *x509.Certificate) {
	const name = "certificate"
	until := c.NotAfter.UTC().Format(time.DateOnly)
	if clock.Until(c.NotAfter) < minCertificateTime {
		d.addProblem(name, "it expires on "+until, "replace server.crt and server.key, and reload the server: nats-server --signal reload")
		return
	}
	d.addOK(name, "it is valid until "+until)
}

// checkAnonymous tries to connect to each server without credentials. Servers that cannot be reached matter only if no other one refuses the
// connection: they are named by another check.
func (d *doctor) checkAnonymous() {
	const name = "anonymous access"
	var refused bool
	var failure error
	for _, server := range strings.Split(d.o.Server, ",") {
		o := d.o
		o.Server, o.Creds, o.Auth = server, "", nil
		conn, err := link.Connect(o)
		switch {
		case err == nil:
			conn.Close()
			d.addProblem(name, "the server accepts connections without credentials", "use the configuration that omg-fleet init writes, or remove no_auth_user")
			return
		case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrTLS), strings.Contains(err.Error(), "certificate required"):
			// The server has asked for a certificate, which the connection with credentials had, and has closed this one.
			refused = true
		default:
			failure = err
		}
	}
	if refused {
		d.addOK(name, "the server refuses it")
	} else {
		d.addUnknown(name, failure.Error(), "")
	}
}

// checkPayload checks that the largest message that omg-fleet sends is accepted, and no much larger one.
func (d *doctor) checkPayload() {
	const name = "size of messages"
	n := d.conn.MaxPayload()
	found := fmt.Sprintf("at most %d bytes", n)
	todo := fmt.Sprintf("set max_payload to %d", streams.MaxMessage)
	switch {
	case n < streams.MaxMessage:
		d.addProblem(name, found+", so that the largest inventories are refused", todo)
	case n > maxPayload:
		d.addProblem(name, found+", so that a host can fill the memory of the server", todo)
	default:
		d.addOK(name, found)
	}
}

// checkStreams compares the streams with what they should be, and the clock of the server with that of this machine.
func (d *doctor) checkStreams(ctx context.Context) error {
	js, err := jetstream.New(d.conn)
	if err != nil {
		return err
	}
	var at time.Time
	for _, name := range []string{subject.StateStream, subject.RosterStream} {
		began := clock.Now()
		info, err := streamInfo(ctx, js, name)
		if err != nil {
			switch {
			case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
				errors.Is(err, nats.ErrNoResponders):
				d.addProblem("stream "+name, "it does not exist", "omg-fleet setup makes it")
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, context.DeadlineExceeded):
				d.addProblem("stream "+name, "no server answers about it: those that keep it do not run, or --creds is not of somebody who asks", "start the servers, and use admin.creds")
			default:
				d.addUnknown("stream "+name, err.Error(), "does --creds name the file admin.creds of this fleet?")
			}
			continue
		}
		d.checkStream(info)
		// The server answered at some time between these two, so the smallest possible difference counts.
		ended := clock.Now()
		if at = info.TimeStamp; !at.IsZero() && name == subject.StateStream {
			d.checkClock(d.conn.ConnectedServerName(), at, began, ended)
		}
	}
	return nil
}

func streamInfo(ctx context.Context, js jetstream.JetStream, name string) (*jetstream.StreamInfo, error) {
	s, err := js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.CachedInfo(), nil
}

// checkClock compares the time at which a server has answered with the times at which it was asked and its answer arrived.
func (d *doctor) checkClock(server string, at, began, ended time.Time) {
	const name = "clock"
	behind, ahead := began.Sub(at), at.Sub(ended)
	switch {
	case behind > maxClockDifference:
		d.addProblem(name, fmt.Sprintf("that of %s is %s behind this machine's", server, behind.Round(time.Second)), "set the clocks: timedatectl set-ntp true")
	case ahead > maxClockDifference:
		d.addProblem(name, fmt.Sprintf("that of %s is %s ahead of this machine's", server, ahead.Round(time.Second)), "set the clocks: timedatectl set-ntp true")
	default:
		d.addOK(name, "that of "+server+" agrees with this machine's")
	}
}
