package local

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// openAUR opens the AUR's own index where there is one and none was named that has
// it, and says how far what there is can be believed: nil where the AUR is not to
// be asked and is not there.
func (l *files) openAUR(a *ask.Asker, c *config.Config) *wire.Source {
	env := paths.Process()
	for _, f := range append(l.indexes, l.others...) {
		if s := catalog.AURSource(f, time.Duration(c.Stale.AUR)); s != nil {
			return s
		}
	}
	var wrong *wire.Source
	for _, path := range env.AURIndexes(a.Index, a.DataDir) {
		f, err := pkgindex.Open(path, env.Trusts)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			if err = f.CheckSums(); err == nil {
				l.others = append(l.others, f)
				return catalog.AURSource(f, time.Duration(c.Stale.AUR))
			}
			_ = f.Close()
			err = fmt.Errorf("%s: %w", path, err)
		}
		a.Note("cannot use the AUR's index: " + err.Error())
		wrong = &wire.Source{Name: wire.SourceAUR, State: wire.SourceFailed, Why: err.Error()}
	}
	if wrong == nil && c.AUR.Enabled {
		wrong = &wire.Source{Name: wire.SourceAUR, State: wire.SourceMissing, Why: "not downloaded yet: omgd does it"}
	}
	return wrong
}
