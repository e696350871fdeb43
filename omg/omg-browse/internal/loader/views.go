package loader

import (
	"context"
	"strings"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/shared/wire"
)

// view returns all rows of a view that is loaded as a whole.
func (l *Loader) view(ctx context.Context, v browser.View) (browser.Answer, error) {
	switch v {
	case browser.ViewUpdates:
		return l.updates(ctx)
	case browser.ViewSecurity:
		return l.security(ctx)
	case browser.ViewAUR:
		return l.aur(ctx)
	case browser.ViewOrphans:
		return l.installed(ctx, wire.FilterOrphans)
	}
	return l.installed(ctx, "")
}

// installed returns the installed packages that a filter selects, with the available updates.
func (l *Loader) installed(ctx context.Context, filter string) (a browser.Answer, err error) {
	result, err := l.backend.Installed(ctx, &wire.InstalledRequest{Filter: filter, Details: true})
	if err != nil {
		return a, err
	}
	a.Note = note(&result.Basis)
	newer, foreign := map[string]string{}, map[string]bool{}
	outdated, err := l.backend.Outdated(ctx)
	if err != nil {
		outdated, a.Note = &wire.OutdatedResult{}, "updates are unknown: "+message(err)
	}
	for i := range outdated.Updates {
		newer[outdated.Updates[i].Name] = outdated.Updates[i].Version
	}
	for i := range outdated.Foreign {
		f := &outdated.Foreign[i]
		foreign[f.Name] = true
		if f.State == wire.ForeignUpdate {
			newer[f.Name] = f.AURVersion
		}
	}
	for i := range result.Packages {
		p := &result.Packages[i]
		r := browser.Row{
			Key: browser.Key{Name: p.Name, AUR: foreign[p.Name]}, Version: p.Version, Installed: p.Version, Desc: p.Desc,
			Explicit: p.Reason == "explicit", Package: searched(&p.Package), SortBy: [2]int64{int64(p.ISize), p.InstallDate},
		}
		r.SortText[0] = show.ShortSize(p.ISize)
		if p.InstallDate > 0 {
			r.SortText[1] = time.Unix(p.InstallDate, 0).Format(time.DateOnly)
		}
		if r.AUR {
			r.Package.AUR = &wire.AUR{}
		}
		if version := newer[p.Name]; version != "" {
			r.Version = version
		}
		a.Rows = append(a.Rows, r)
	}
	return a, l.describe(ctx, a.Rows)
}

// searched returns a package with the fields that words are compared with. The other fields would only take memory.
func searched(p *wire.Package) *wire.Package {
	return &wire.Package{
		Repo: p.Repo, Name: p.Name, Desc: p.Desc, EmptyDesc: p.EmptyDesc, Groups: p.Groups, Provides: p.Provides, Depends: p.Depends, AUR: p.AUR,
	}
}

var severityLevels = map[string]browser.Level{
	"Critical": browser.LevelBad, "High": browser.LevelBad, "Medium": browser.LevelWarn, "Low": browser.LevelWarn,
}

// updates returns the updates of the repositories, then those of the AUR, then the packages that an upgrade offers to replace.
func (l *Loader) updates(ctx context.Context) (a browser.Answer, err error) {
	result, err := l.backend.Outdated(ctx)
	if err != nil {
		return a, err
	}
	a.Note = note(&result.Basis)
	for i := range result.Updates {
		u := &result.Updates[i]
		r := browser.Row{Key: browser.Key{Name: u.Name}, Repo: u.Repo, Version: u.Version, Installed: u.Installed}
		if len(u.Fixes) > 0 {
			r.Note, r.Level = "fixes "+strings.Join(u.Fixes, " ")+" ("+u.Severity+")", max(browser.LevelWarn, severityLevels[u.Severity])
		}
		if u.Ignored {
			r.Note = strings.TrimSpace(r.Note + " ignored")
		}
		if u.DownloadSize != nil {
			r.SortBy[0], r.SortText[0] = int64(*u.DownloadSize), show.ShortSize(*u.DownloadSize)
		}
		a.Rows = append(a.Rows, r)
	}
	for i := range result.Foreign {
		f := &result.Foreign[i]
		if f.State != wire.ForeignUpdate {
			continue
		}
		r := foreignRow(f)
		if f.Ignored {
			r.Note = strings.TrimSpace(r.Note + " ignored")
		}
		a.Rows = append(a.Rows, r)
	}
	for i := range result.Replacements {
		p := &result.Replacements[i]
		a.Rows = append(a.Rows, browser.Row{
			Key: browser.Key{Name: p.By}, Repo: p.Repo, Version: p.Version, Note: "replaces " + p.ReplacedName + " " + p.Installed, Level: browser.LevelWarn,
		})
	}
	return a, l.describe(ctx, a.Rows)
}

// security returns the installed packages with advisories, the most severe first.
func (l *Loader) security(ctx context.Context) (a browser.Answer, err error) {
	result, err := l.backend.Security(ctx, &wire.SecurityRequest{})
	if err != nil {
		return a, err
	}
	a.Note = note(&result.Basis)
	for i := range result.Packages {
		p := &result.Packages[i]
		r := browser.Row{
			Key: browser.Key{Name: p.Name, AUR: p.Foreign}, Version: p.Installed, Installed: p.Installed,
			Note: p.Severity + ", " + p.Verdict, Level: severityLevels[p.Severity],
		}
		if p.Update != "" {
			r.Version = p.Update
		}
		a.Rows = append(a.Rows, r)
	}
	return a, l.describe(ctx, a.Rows)
}

var findingLevels = map[string]browser.Level{
	backend.FindingLevelNote: browser.LevelPlain, backend.FindingLevelLook: browser.LevelWarn, backend.FindingLevelAct: browser.LevelBad,
}

// aur returns the installed packages that are in no repository, with what the AUR and its journal say about them.
func (l *Loader) aur(ctx context.Context) (a browser.Answer, err error) {
	result, err := l.backend.Outdated(ctx)
	if err != nil {
		return a, err
	}
	a.Note = note(&result.Basis)
	for i := range result.Foreign {
		f := &result.Foreign[i]
		r := foreignRow(f)
		switch {
		case r.Note != "":
		case f.State == wire.ForeignGone:
			r.Note = "not in the AUR"
		case f.State == wire.ForeignUnknown:
			r.Note = "whether it is in the AUR is unknown"
		}
		a.Rows = append(a.Rows, r)
	}
	return a, l.describe(ctx, a.Rows)
}

// foreignRow returns the row of an installed package that is in no repository.
func foreignRow(f *wire.ForeignPackage) browser.Row {
	r := browser.Row{Key: browser.Key{Name: f.Name, AUR: true}, Version: f.Installed, Installed: f.Installed}
	if f.AURVersion != "" {
		r.Repo = wire.SourceAUR
	}
	if f.State == wire.ForeignUpdate {
		r.Version = f.AURVersion
	}
	var notes []string
	if m := f.AURFindings; m != nil {
		notes, r.Level = append(notes, m.Reasons...), findingLevels[m.Level]
	}
	if f.OutOfDate != 0 {
		notes, r.Level = append(notes, "out of date"), max(r.Level, browser.LevelWarn)
	}
	if f.Orphan {
		notes, r.Level = append(notes, "no maintainer"), max(r.Level, browser.LevelWarn)
	}
	r.Note = strings.Join(notes, ", ")
	return r
}

// describe adds the repositories and descriptions of packages, and the fields that words are compared with. A package that no source has is
// filtered by what is known about it.
func (l *Loader) describe(ctx context.Context, rows []browser.Row) error {
	byKey := make(map[browser.Key]*browser.Row, len(rows))
	req := &wire.InfoRequest{Offline: true}
	for i := range rows {
		r := &rows[i]
		if r.Package == nil {
			r.Package = &wire.Package{Name: r.Name, Repo: r.Repo}
			if r.AUR {
				r.Package.AUR = &wire.AUR{}
			}
		}
		r.Package.InstalledVersion = r.Installed
		if byKey[r.Key] == nil && len(req.Names) < maxDescribed {
			byKey[r.Key] = r
			req.Names = append(req.Names, r.Name)
		}
	}
	if len(req.Names) == 0 {
		return nil
	}
	_, err := l.backend.Info(ctx, req, func(p *wire.Package) error {
		r := byKey[browser.Key{Name: p.Name, AUR: p.AUR != nil}]
		if r == nil {
			return nil
		}
		delete(byKey, r.Key) // the first repository that has the package counts
		if r.Desc == "" {
			r.Desc, r.Package = p.Desc, searched(p)
			r.Package.InstalledVersion = r.Installed
		}
		r.Repo, r.Package.Repo = p.Repo, p.Repo
		return ctx.Err()
	}, func() {})
	if wire.CodeOf(err) == wire.CodeNotReady { // no repository can be read, but the list itself is known
		return nil
	}
	return err
}

// maxDescribed is the maximum number of names in one request.
const maxDescribed = 10_000
