package direct

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/buildfacts"
	"github.com/omg-arch/omg/omg/internal/buildfiles"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// AURDiff implements backend.Backend. Before it compares, it copies the current build files.
func (b *Backend) AURDiff(ctx context.Context, r *backend.AURDiffRequest) (*backend.AURDiff, error) {
	store, err := buildfiles.OpenStore(b.env)
	if err != nil {
		return nil, err
	}
	base := r.Name
	if r.BuildDir == "" {
		base = b.findBuildBase(ctx, store, r.Name)
	}
	if r.Current != nil {
		return compareWithCurrent(store, base, r)
	}
	copies, problem := b.updateCopies(store, base, r.BuildDir, clock.Now())
	if len(copies) == 0 {
		if problem != nil {
			return nil, problem
		}
		return nil, exit.WithCode(exit.NotFound, fmt.Errorf("no build files of %q in the directories of yay and paru, and no copy of them", base))
	}
	diff := &backend.AURDiff{Base: base, Changes: []backend.BuildChange{}, Unknown: []string{}, Files: []backend.FileDiff{}}
	if problem != nil {
		diff.Problem = problem.Error()
	}
	for i := range copies {
		diff.Copies = append(diff.Copies, describeCopy(&copies[i], buildfacts.Read(copies[i].Files)))
	}
	last := copies[len(copies)-1].Files
	for _, name := range slices.SortedFunc(maps.Keys(last), compareFileNames) {
		diff.Last = append(diff.Last, backend.BuildFile{Name: name, Content: last[name]})
	}
	to, err := chooseCopy(base, copies, cmp.Or(r.To, copies[len(copies)-1].Number))
	if err != nil {
		return nil, err
	}
	if r.From == 0 && to == 0 {
		return diff, nil // there is nothing to compare it with
	}
	from := to - 1
	if r.From != 0 {
		if from, err = chooseCopy(base, copies, r.From); err != nil {
			return nil, err
		}
	}
	compareCopies(diff, &copies[from], &copies[to])
	return diff, nil
}

// compareWithCurrent compares the PKGBUILD of the last copy with that of the AUR.
func compareWithCurrent(store *buildfiles.Store, base string, r *backend.AURDiffRequest) (*backend.AURDiff, error) {
	copies, err := store.Copies(base)
	if err != nil {
		return nil, err
	}
	if len(copies) == 0 {
		return nil, exit.WithCode(exit.NotFound, fmt.Errorf("no copy of the build files of %q", base))
	}
	diff := &backend.AURDiff{Base: base, Changes: []backend.BuildChange{}, Unknown: []string{}, Files: []backend.FileDiff{}}
	last := copies[len(copies)-1]
	last.Files = buildfiles.Files{buildfiles.PKGBUILDName: last.Files[buildfiles.PKGBUILDName]}
	current := buildfiles.Copy{At: r.CurrentAsOf, Files: buildfiles.Files{buildfiles.PKGBUILDName: r.Current}}
	compareCopies(diff, &last, &current)
	return diff, nil
}

// findBuildBase returns the package base of a package, or the name itself if it is a package base or unknown.
func (b *Backend) findBuildBase(ctx context.Context, store *buildfiles.Store, name string) string {
	here, err := b.Installed(ctx, &wire.InstalledRequest{Names: []string{name}, Details: true})
	if err == nil {
		for i := range here.Packages {
			if p := &here.Packages[i]; p.Name == name && p.Base != "" {
				return p.Base
			}
		}
	}
	if _, err := buildfiles.FindDir(b.env, name); err == nil {
		return name
	}
	if copies, err := store.Copies(name); err != nil || len(copies) > 0 {
		return name
	}
	base := name
	// Without data of the AUR, the name stays.
	_, _ = b.Info(ctx, &wire.InfoRequest{Offline: true, Names: []string{wire.SourceAUR + "/" + name}}, func(p *wire.Package) error {
		base = cmp.Or(p.Base, p.Name)
		return nil
	}, func() {})
	return base
}

// updateCopies copies the current build files of a package base from a directory or, if it is empty, from the directories of AUR
// helpers. It returns all copies, the oldest first, also if it returns an error.
func (b *Backend) updateCopies(store *buildfiles.Store, base, dir string, now time.Time) ([]buildfiles.Copy, error) {
	if dir == "" {
		found, err := buildfiles.FindDir(b.env, base)
		if err != nil {
			return store.Copies(base)
		}
		dir = found.Path
	}
	files, err := buildfiles.Read(dir, b.env.UID)
	if err != nil {
		copies, _ := store.Copies(base)
		return copies, fmt.Errorf("the build files of %q were not copied: %w", base, err)
	}
	copies, err := store.Update(base, files, now)
	if err != nil {
		err = fmt.Errorf("the build files of %q were not copied: %w", base, err)
	}
	return copies, err
}

// chooseCopy returns the index of the copy with the given number.
func chooseCopy(base string, copies []buildfiles.Copy, number int) (int, error) {
	at := slices.IndexFunc(copies, func(c buildfiles.Copy) bool { return c.Number == number })
	if at < 0 {
		numbers := make([]string, len(copies))
		for i, c := range copies {
			numbers[i] = strconv.Itoa(c.Number)
		}
		return 0, exit.WithCode(exit.NotFound, fmt.Errorf("no copy %d of the build files of %q: there are the copies %s", number, base, strings.Join(numbers, ", ")))
	}
	return at, nil
}

func describeCopy(c *buildfiles.Copy, facts *buildfacts.Facts) backend.BuildCopy {
	return backend.BuildCopy{Number: c.Number, Copied: c.At, Version: facts.Version}
}

// compareCopies sets what differs between two copies.
func compareCopies(diff *backend.AURDiff, from, to *buildfiles.Copy) {
	old, now := buildfacts.Read(from.Files), buildfacts.Read(to.Files)
	before, after := describeCopy(from, old), describeCopy(to, now)
	diff.From, diff.To = &before, &after
	for _, c := range buildfacts.Compare(old, now) {
		diff.Changes = append(diff.Changes, backend.BuildChange{Change: string(c.Kind), Old: append([]string{}, c.Old...), New: append([]string{}, c.New...)})
	}
	for _, facts := range []*buildfacts.Facts{old, now} {
		if facts.Uncertain != "" && !slices.Contains(diff.Unknown, facts.Uncertain) {
			diff.Unknown = append(diff.Unknown, facts.Uncertain)
		}
	}
	names := map[string]bool{}
	for _, files := range []buildfiles.Files{from.Files, to.Files} {
		for name := range files {
			names[name] = true
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(names), compareFileNames) {
		before, isOld := from.Files[name]
		after, isNew := to.Files[name]
		if isOld && isNew && bytes.Equal(before, after) {
			continue
		}
		f := backend.FileDiff{Name: name, State: backend.FileChanged}
		switch {
		case !isOld:
			f.State = backend.FileAdded
		case !isNew:
			f.State = backend.FileRemoved
		}
		f.Diff, f.IsTooLong = unifiedDiff(string(before), string(after))
		diff.Files = append(diff.Files, f)
	}
}

// compareFileNames compares names of build files: the PKGBUILD and the install scripts come before the .SRCINFO, which repeats
// what the PKGBUILD says.
func compareFileNames(a, b string) int {
	order := func(name string) int {
		switch name {
		case buildfiles.PKGBUILDName:
			return 0
		case buildfiles.SRCINFOName:
			return 2
		}
		return 1
	}
	return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a, b))
}

const (
	// maxDiffLines is the maximum number of lines of a file that is compared line by line: the time grows with the square of this number.
	maxDiffLines = 8000
	// contextLines is the number of unchanged lines around each change.
	contextLines = 3
)

// unifiedDiff returns the hunks of a unified diff, without the names of the files. If one of the texts has too many lines, isTooLong is
// true.
func unifiedDiff(before, after string) (diff string, isTooLong bool) {
	if strings.Count(before, "\n") > maxDiffLines || strings.Count(after, "\n") > maxDiffLines {
		return "", true
	}
	diff, err := udiff.ToUnified("a", "b", before, udiff.Lines(before, after), contextLines)
	if err != nil {
		return "", true
	}
	return strings.TrimPrefix(diff, "--- a\n+++ b\n"), false
}
