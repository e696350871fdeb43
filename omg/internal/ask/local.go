package ask

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// local answers without a daemon.
type local struct {
	data  answers.Data
	files []*pkgindex.File
}

// openLocal opens the indexes if what they hold of the repositories is current,
// else reads the databases, which is slower. It writes nothing.
func (a *Asker) openLocal(ctx context.Context) (*local, error) {
	repos, err := catalog.Config{DBPath: a.DBPath, PacmanConfig: a.PacmanConfig}.ReadRepos()
	if err != nil {
		return nil, err
	}
	l := &local{}
	why := l.openIndexes(a, repos)
	if len(l.files) == 0 {
		a.Note(fmt.Sprintf("reading the databases themselves: %s", why))
		f, err := repos.Memory(ctx)
		if err != nil {
			return nil, err
		}
		l.files = []*pkgindex.File{f}
	}
	set, err := pkgindex.NewSet(l.files, repos.View())
	if err != nil {
		l.close()
		return nil, err
	}
	l.data = answers.Data{Set: set, Sources: repos.Sources(nil)}
	return l, nil
}

// openIndexes opens the indexes that are current, and says why there is none.
func (l *local) openIndexes(a *Asker, repos *catalog.Repos) (why string) {
	env := paths.Process()
	why = "there is no index; omg-index build makes one"
	for _, path := range env.Indexes(a.Index, a.DataDir) {
		f, err := pkgindex.Open(path, env.Trusts)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			why = err.Error()
			continue
		}
		if stale := repos.Stale(f, catalog.ReadStamps(path, env.Trusts)); len(stale) > 0 {
			why = path + ": " + stale[0]
			_ = f.Close()
			continue
		}
		l.files = append(l.files, f)
		break
	}
	return why
}

func (l *local) answer(op string, req any, emit answers.Emit) error {
	switch r := req.(type) {
	case *wire.SearchRequest:
		return l.data.Search(r, emit)
	case *wire.InfoRequest:
		return l.data.Info(r, emit)
	default:
		return fmt.Errorf("no answer to %s without omgd", op)
	}
}

func (l *local) close() {
	for _, f := range l.files {
		_ = f.Close()
	}
}
