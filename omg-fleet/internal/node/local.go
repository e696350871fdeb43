package node

import (
	"context"

	"github.com/omg-arch/omg/omg-fleet/internal/daemon"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

// local asks the omgd of this host.
type local struct{ daemon daemon.Daemon }

// Local returns the source that asks the omgd of this host.
func Local(d daemon.Daemon) Source { return local{d} }

// Answer asks omgd on a connection of its own.
func (l local) Answer(ctx context.Context, r *messages.Lookup) *messages.Found {
	f := &messages.Found{State: messages.FoundAnswered}
	conn, err := l.daemon.Dial(ctx)
	if err == nil {
		defer conn.Close()
		err = ask(ctx, conn, r, f)
	}
	switch {
	case wire.CodeOf(err) == wire.CodeInvalid:
		return &messages.Found{State: messages.FoundRefused, Problem: err.Error()}
	case err != nil:
		return &messages.Found{State: messages.FoundUnavailable, Problem: err.Error()}
	case f.Command != nil && knowsNoFiles(&f.Command.Basis):
		return &messages.Found{State: messages.FoundUnavailable, Problem: "it has no lists of files: sudo pacman -Fy downloads them, or omgd with sync.files = true"}
	}
	return f
}

// ask sends the request of a lookup. omgd does not ask the AUR's server for it, so that hosts cannot make a node send requests.
func ask(ctx context.Context, conn *client.Conn, r *messages.Lookup, f *messages.Found) (err error) {
	packages := []wire.Package{}
	visit := func(p *wire.Package) error {
		// These fields are about what is installed on the node.
		p.InstalledVersion, p.Advisories, p.AURFindings = "", nil, nil
		packages = append(packages, *p)
		return nil
	}
	endChunk := func() {}
	switch r.Kind {
	case messages.LookupSearch:
		request := &wire.SearchRequest{Words: r.Words, Regex: r.Regex, NameOnly: r.NameOnly, Limit: uint32(r.Limit), Offline: true}
		if f.Search, err = conn.Search(ctx, request, visit, endChunk); err == nil {
			f.Search.Packages = packages
		}
	case messages.LookupInfo:
		if f.Info, err = conn.Info(ctx, &wire.InfoRequest{Names: r.Words, Offline: true}, visit, endChunk); err == nil {
			f.Info.Packages = packages
		}
	case messages.LookupCommand:
		if f.Command, err = conn.Command(ctx, &wire.CommandRequest{Names: r.Words}); err == nil {
			hideInstalled(f.Command.Commands)
			for i := range f.Command.Missing {
				hideInstalled(f.Command.Missing[i].Similar)
			}
		}
	}
	return err
}

func hideInstalled(owners []wire.CommandOwner) {
	for i := range owners {
		owners[i].InstalledVersion = ""
	}
}

// knowsNoFiles reports whether a result was computed without any list of files.
func knowsNoFiles(b *wire.Basis) bool {
	for i := range b.Sources {
		if !b.Sources[i].Unavailable() {
			return false
		}
	}
	return true
}
