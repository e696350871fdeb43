package local

import (
	"path/filepath"
	"slices"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
)

// openOwn opens the indexes of the databases that omgd downloaded for itself, where
// it is configured to, and has the inventory compared with them. They say nothing of
// another directory of databases that is asked about.
func (l *files) openOwn(a *ask.Asker, c *config.Config, repos *catalog.Repos) (own []*pkgindex.File) {
	if !c.Sync.Own || a.DBPath != "" {
		return nil
	}
	env := paths.Process()
	var opened []*pkgindex.File
	l.repos, own = repos.Renew(catalog.Own{
		Dir: filepath.Join(env.DataDir(a.DataDir), catalog.OwnDir), Stale: c.Sync.Stale(c.Stale.Repos),
		Open: func(path string) (*pkgindex.File, error) {
			f, err := pkgindex.Open(path, env.Trusts)
			if err != nil {
				return nil, err
			}
			if err := f.CheckSums(); err != nil {
				_ = f.Close()
				return nil, err
			}
			opened = append(opened, f)
			return f, nil
		},
	})
	for _, f := range opened {
		if !slices.Contains(own, f) {
			_ = f.Close()
		}
	}
	return own
}
