package hostinventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// Questions answer requests as omgd does, from one snapshot.
type Questions struct {
	Status    func() (*wire.StatusResult, error)
	Installed func(*wire.InstalledRequest) (*wire.InstalledResult, error)
	Outdated  func() (*wire.OutdatedResult, error)
	Info      func(r *wire.InfoRequest, visit func(*wire.Package) error) error
}

// answers holds the answers from which an inventory is made. An answer is nil if it is unknown, and the reason is in the map why.
type answers struct {
	fromDaemon bool
	status     *wire.StatusResult
	installed  *wire.InstalledResult
	foreign    *wire.InstalledResult
	outdated   *wire.OutdatedResult
	security   *wire.SecurityResult
	findings   *wire.AURCheckResult
	// repos maps the names of installed packages to the first repository that has such a package.
	repos map[string]string
	why   map[inventory.PartName]string
}

// Ask returns the inventory that follows from the answers to questions, without what only omgd knows and what Describe sets.
func Ask(q Questions) (*inventory.Inventory, error) {
	const needsDaemon = "omgd, which has this data, does not run"
	found := &answers{why: map[inventory.PartName]string{inventory.PartAdvisories: needsDaemon, inventory.PartFindings: needsDaemon}}
	if err := found.ask(q); err != nil {
		return nil, err
	}
	return found.inventory(), nil
}

// maxTries is how often omgd is asked again because its data has changed between two answers.
const maxTries = 5

// AskDaemon asks omgd until all answers are from one snapshot, and returns the inventory without what Describe sets.
func AskDaemon(ctx context.Context, c *client.Conn) (*inventory.Inventory, error) {
	for range maxTries {
		found, err := askDaemon(ctx, c)
		if err != nil {
			return nil, err
		}
		if found.isOneSnapshot() {
			return found.inventory(), nil
		}
	}
	return nil, fmt.Errorf("omgd's data changed %d times while it was read", maxTries)
}

func askDaemon(ctx context.Context, c *client.Conn) (*answers, error) {
	found := &answers{fromDaemon: true, why: map[inventory.PartName]string{}}
	err := found.ask(Questions{
		Status:    func() (*wire.StatusResult, error) { return c.Status(ctx) },
		Installed: func(r *wire.InstalledRequest) (*wire.InstalledResult, error) { return c.Installed(ctx, r) },
		Outdated:  func() (*wire.OutdatedResult, error) { return c.Outdated(ctx) },
		Info: func(r *wire.InfoRequest, visit func(*wire.Package) error) error {
			_, err := c.Info(ctx, r, visit, func() {})
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	if found.security, err = c.Security(ctx, &wire.SecurityRequest{}); err != nil {
		if err = found.unknown(inventory.PartAdvisories, err); err != nil {
			return nil, err
		}
	}
	if found.findings, err = c.AURCheck(ctx); err != nil {
		err = found.unknown(inventory.PartFindings, err)
	}
	return found, err
}

// unknown records that a part is unknown because of a reply that is an error. It returns other errors.
func (a *answers) unknown(part inventory.PartName, err error) error {
	refused := new(wire.Error)
	if !errors.As(err, &refused) {
		return err
	}
	a.why[part] = refused.Message
	return nil
}

// ask asks for everything except advisories and findings.
func (a *answers) ask(q Questions) (err error) {
	if a.status, err = q.Status(); err != nil {
		return err
	}
	if a.installed, err = q.Installed(&wire.InstalledRequest{Details: true}); err != nil {
		return err
	}
	if a.foreign, err = q.Installed(&wire.InstalledRequest{Filter: wire.FilterForeign}); err != nil && !errors.As(err, new(*wire.Error)) {
		return err // otherwise no repository could be read
	}
	if a.outdated, err = q.Outdated(); err != nil {
		if err := a.unknown(inventory.PartUpdates, err); err != nil {
			return err
		}
	}
	a.repos = map[string]string{}
	names := make([]string, len(a.installed.Packages))
	for i := range names {
		names[i] = a.installed.Packages[i].Name
	}
	for some := range slices.Chunk(names, maxInfoNames) {
		err := q.Info(&wire.InfoRequest{Names: some, Offline: true}, func(p *wire.Package) error {
			if p.AUR == nil && a.repos[p.Name] == "" {
				a.repos[strings.Clone(p.Name)] = strings.Clone(p.Repo)
			}
			return nil
		})
		if err != nil && !errors.As(err, new(*wire.Error)) {
			return err
		}
	}
	return nil
}

// maxInfoNames is the number of names in one request, of which a request may have 10,000.
const maxInfoNames = 5000

// isOneSnapshot reports whether all answers are from the same snapshot of omgd.
func (a *answers) isOneSnapshot() bool {
	generation := a.status.Generation
	return a.installed.Generation == generation && (a.foreign == nil || a.foreign.Generation == generation) &&
		(a.outdated == nil || a.outdated.Generation == generation) && (a.security == nil || a.security.Generation == generation)
}
