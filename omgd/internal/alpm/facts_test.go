package alpm

import (
	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// names returns the names of the installed packages for which keep() returns true.
func (f *ReaderFacts) names(keep func(*alpmproto.PackageFacts) bool) []string {
	var out []string
	for i := range f.Installed {
		if p := &f.Installed[i]; keep(p) {
			out = append(out, p.Name)
		}
	}
	return out
}

// Explicit returns the names of the explicitly installed packages, which pacman -Qeq lists.
func (f *ReaderFacts) Explicit() []string {
	return f.names(func(p *alpmproto.PackageFacts) bool { return p.Reason == int32(pacmandb.ReasonExplicit) })
}

// Orphans returns the names that pacman -Qdtq lists. With onlyRequired, it returns the names that pacman -Qdttq
// lists: they include packages that are needed only as an optional dependency.
func (f *ReaderFacts) Orphans(onlyRequired bool) []string {
	most := alpmproto.NotRequired
	if onlyRequired {
		most = alpmproto.OptionallyRequired
	}
	return f.names(func(p *alpmproto.PackageFacts) bool {
		return p.Reason == int32(pacmandb.ReasonDepend) && p.NeedLevel <= most
	})
}

// Foreign returns the names of the packages that are in no repository, which pacman -Qmq lists.
func (f *ReaderFacts) Foreign() []string {
	return f.names(func(p *alpmproto.PackageFacts) bool { return p.Repo == "" })
}

// Updates returns the updates that pacman -Qu lists.
func (f *ReaderFacts) Updates() []pacmandb.Update {
	var out []pacmandb.Update
	for i := range f.Installed {
		if p := &f.Installed[i]; p.VersionOrder > 0 {
			out = append(out, pacmandb.Update{
				Name: p.Name, Installed: p.Version, Version: p.Offered, Repo: p.Repo, Ignored: p.Ignored,
			})
		}
	}
	return out
}
