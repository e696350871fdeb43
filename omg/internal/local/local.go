// Package local answers without a daemon: from an index that is current, or
// from pacman's databases themselves.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Answer gives the answer to a request from the files.
func Answer(ctx context.Context, a *ask.Asker, op string, req any, emit ask.Emit) error {
	l, err := open(ctx, a)
	if err != nil {
		return err
	}
	defer l.close()
	switch r := req.(type) {
	case *wire.SearchRequest:
		err = l.data.Search(r, answers.Emit(emit))
	case *wire.InfoRequest:
		err = l.data.Info(r, answers.Emit(emit))
	default:
		err = fmt.Errorf("no answer to %s without omgd", op)
	}
	if errors.Is(err, pkgindex.ErrQuery) {
		return command.Usagef("%w", err)
	}
	return err
}

// files is what answers are made from.
type files struct {
	data    answers.Data
	indexes []*pkgindex.File
}

// open opens the indexes if what they hold of the repositories is current, else
// reads the databases, which is slower. It writes nothing.
func open(ctx context.Context, a *ask.Asker) (*files, error) {
	repos, err := catalog.Config{DBPath: a.DBPath, PacmanConfig: a.PacmanConfig}.ReadRepos()
	if err != nil {
		return nil, err
	}
	l := &files{}
	why := l.openIndexes(a, repos)
	if len(l.indexes) == 0 {
		f, err := repos.Memory(ctx)
		if err != nil {
			return nil, err
		}
		a.Note(fmt.Sprintf("read the databases themselves: %s", why))
		l.indexes = []*pkgindex.File{f}
	}
	set, err := pkgindex.NewSet(l.indexes, repos.View())
	if err != nil {
		l.close()
		return nil, err
	}
	l.data = answers.Data{Set: set, Sources: repos.Sources(nil)}
	return l, nil
}

// openIndexes opens the first index that is current, and says why there is none.
func (l *files) openIndexes(a *ask.Asker, repos *catalog.Repos) (why string) {
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
		// The daemon does this in the background; here nobody would notice that
		// a flipped bit hides a package.
		if err := f.CheckSums(); err != nil {
			why = path + ": " + err.Error()
			_ = f.Close()
			continue
		}
		if stale := repos.Stale(f, catalog.ReadStamps(path, env.Trusts)); len(stale) > 0 {
			why = path + ": " + stale[0]
			_ = f.Close()
			continue
		}
		l.indexes = append(l.indexes, f)
		break
	}
	return why
}

func (l *files) close() {
	for _, f := range l.indexes {
		_ = f.Close()
	}
}
