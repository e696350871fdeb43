package aurcheck

import (
	"strings"

	"github.com/omg-arch/omg/shared/aurdiff"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/wire"
)

// readDump reads from the latest dump which users have had package bases for a while, and which packages are popular, if a finding can
// depend on it. An index has neither list, so all packages are read. If this fails, every user is new, and no package is popular.
func (c *Check) readDump(completeSince, now int64) {
	needed := false
	for i := range c.packages {
		p := &c.packages[i]
		needed = needed || aurlevel.CanBeLookAlike(p.Listing, now) || aurlevel.DependOnUsers(c.events[p.Base], now) ||
			aurlevel.DependOnUsers(c.events[p.BuiltBase], now)
	}
	if !needed {
		return
	}
	for p, err := range c.snapshot.Inputs().AUR.Index.Packages() {
		if err != nil {
			c.users, c.popular = aurlevel.Users{}, nil
			return
		}
		if p.AUR == nil {
			continue
		}
		base := aurdiff.BaseName(&p)
		c.users.AddPackage(aurlevel.Holding{
			Base: base, Submitter: p.AUR.Submitter, Maintainer: p.AUR.Maintainer, CoMaintainers: p.AUR.CoMaintainers, SubmittedAt: p.AUR.Submitted,
		}, completeSince)
		if p.AUR.Votes >= aurlevel.MinPopularVotes {
			c.popular = append(c.popular, aurlevel.Popular{ // the copies do not keep all strings of the package in memory
				Name: strings.Clone(p.Name), Base: strings.Clone(base), Maintainer: strings.Clone(p.AUR.Maintainer), Votes: p.AUR.Votes, SubmittedAt: p.AUR.Submitted,
			})
		}
	}
	c.users.MaintainerOf = c.maintainerOf
}

// maintainerOf returns the maintainer of a package in the latest dump, or "".
func (c *Check) maintainerOf(name string) (maintainer string) {
	hits, err := c.snapshot.LookupAUR(name)
	if err == nil {
		err = c.snapshot.EachPackage(hits, true, func(p *wire.Package) error {
			if p.AUR != nil {
				maintainer = p.AUR.Maintainer
			}
			return nil
		})
	}
	if err != nil {
		return ""
	}
	return maintainer
}
