package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/omg-arch/omg/omg-probe/internal/render"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/termtext"
)

// reader reads the files for one report.
type reader struct {
	o           *options
	runtimesEnv runtimes.Env
	pathsEnv    paths.Env

	statusPath string // the status file
	statusErr  error  // why the numbers in the status file are not shown
}

func (o *options) newReader() (*reader, error) {
	r := &reader{o: o, pathsEnv: paths.ProcessEnv()}
	dir, real := o.dir, ""
	if dir == "" || !filepath.IsAbs(dir) {
		wd, err := os.Getwd()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, exit.WithCode(exit.Failed, fmt.Errorf("cannot determine the working directory: %w", err))
		}
		if err != nil {
			wd = "/" // the directory was removed; a prompt must not fail
		}
		dir = filepath.Join(wd, dir)
	}
	if o.dir == "" && dir != "/" {
		real, _ = syscall.Getwd() // the kernel returns the working directory's path with all symlinks resolved
	}
	if o.dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, usageErrorf("-C %s: not a directory", quote(o.dir))
		}
	}
	top := o.topDir
	if top != "" {
		abs, err := filepath.Abs(top)
		if err != nil {
			return nil, exit.WithCode(exit.Failed, err)
		}
		top = abs
	}
	r.runtimesEnv = runtimes.Env{
		Getenv: os.Getenv, Home: os.Getenv("HOME"), Dir: dir, RealDir: real, OmgDataDir: r.pathsEnv.DataDir(o.dataDir), DBPath: o.dbPath,
		Top: top, CrossBorders: o.crossFileSystems, CrossRemote: o.searchRemoteFS, OutsideShell: o.isStatusBar(),
	}
	return r, nil
}

// readStatus reads the status file of the user's daemon or of the system-wide daemon: the first fresh file, otherwise
// the first file that exists, without its numbers. Without a fresh file, the versions of the system's packages are read
// from pacman's database later.
func (r *reader) readStatus() render.LoadedStatus {
	var first render.LoadedStatus
	for i, socket := range r.pathsEnv.Sockets(r.o.socket) {
		file := r.pathsEnv.StatusFile(socket)
		s, err := statusfile.Read(file)
		there := err == nil
		if err == nil {
			err = s.CheckFresh(time.Now(), statusfile.CurrentBoot())
		}
		if err == nil {
			r.statusPath, r.statusErr = file, nil
			r.runtimesEnv.SystemVersions = s.SystemVersions() // nil if the daemon does not know them
			return render.LoadedStatus{Status: s, Fresh: true, WasRead: true}
		}
		if i == 0 || there && !first.WasRead {
			r.statusPath, r.statusErr = file, err
			first = render.LoadedStatus{Status: statusfile.Status{RefreshedAt: s.RefreshedAt, Interval: s.Interval}, WasRead: there}
		}
	}
	return first
}

// readUntil reads all data of the report and returns the report. If the deadline passes first, readUntil calls the
// function onDeadline once, with the incomplete report. This function must end the process, because the goroutine that
// reads may be stuck in a system call.
func (r *reader) readUntil(deadline time.Duration, onDeadline func(render.Report)) render.Report {
	a := render.Report{WantsStatus: r.o.wantsStatus}
	var mu sync.Mutex // guards a
	if deadline > 0 {
		timer := time.AfterFunc(deadline, func() {
			mu.Lock()
			onDeadline(a)
		})
		defer timer.Stop()
	}
	r.readAll(func(store func(*render.Report)) {
		mu.Lock()
		defer mu.Unlock()
		store(&a)
	})
	mu.Lock() // mu stays locked, so that onDeadline cannot be called any more
	a.Complete = true
	return a
}

func (r *reader) wantedRuntimes() []string {
	switch {
	case r.o.numberName != "" || !r.o.wantsRuntimes():
		return nil
	case len(r.o.runtimes) == 0:
		return runtimes.Names()
	}
	return r.o.runtimes
}

// readAll reads all data of the report. It changes the report only through the parameter update: after each part that
// it has read, it calls update with a function that stores this part in a report.
func (r *reader) readAll(update func(func(*render.Report))) {
	names := r.wantedRuntimes()
	status := r.readStatus()
	update(func(a *render.Report) { a.Status = status })
	if len(names) == 0 {
		return
	}
	update(func(a *render.Report) { a.Runtimes = make([]runtimes.Active, 0, len(names)) })
	p := runtimes.New(r.runtimesEnv, names...)
	for _, name := range names {
		if r.o.onlyDeclared() && !p.IsDeclaredHere(name) {
			continue
		}
		if active := p.Active(name); active.Version != "" {
			update(func(a *render.Report) { a.Runtimes = append(a.Runtimes, active) })
		}
	}
}

// statusNumber returns the number that omg-probe prints for one of the arguments ec, tc, oc and uc.
func statusNumber(name string, s render.LoadedStatus) statusfile.Number {
	switch name {
	case "ec":
		return s.Explicit
	case "tc":
		return s.Installed
	case "oc":
		return s.Orphans
	}
	return s.Updates
}

// explanation returns an explanation for people: which declarations decided, what is installed and what was skipped. Text
// with unsafe characters, which is only shown here, is quoted.
func (r *reader) explanation() string {
	var b strings.Builder
	status := r.readStatus()
	if names := r.wantedRuntimes(); len(names) > 0 {
		p := runtimes.New(r.runtimesEnv, names...)
		for _, name := range names {
			explainRuntime(&b, p, name)
		}
		for _, n := range p.IgnoredPathNotes() {
			fmt.Fprintf(&b, "skipped %s: %s\n", quotePathIfUnsafe(n.Path), termtext.Clean(n.Text))
		}
	}
	switch {
	case r.statusErr != nil && status.WasRead:
		fmt.Fprintf(&b, "status %s: not shown: %s\n", quotePathIfUnsafe(r.statusPath), termtext.Clean(r.statusErr.Error()))
	case r.statusErr != nil:
		fmt.Fprintf(&b, "status: none: %s\n", termtext.Clean(r.statusErr.Error()))
	default:
		fmt.Fprintf(&b, "status %s: refreshed %s\n%s", quotePathIfUnsafe(r.statusPath), status.RefreshedAt.UTC().Format(time.RFC3339), render.FormatNumbers(status))
	}
	return b.String()
}

func explainRuntime(b *strings.Builder, p *runtimes.Prober, name string) {
	a := p.Active(name)
	switch {
	case a.Version == "":
		fmt.Fprintf(b, "%s: no active version\n", name)
	case a.Missing:
		fmt.Fprintf(b, "%s %s: not installed\n", name, quoteVersion(a.Version))
	case a.Path == "":
		fmt.Fprintf(b, "%s %s: %s\n", name, quoteVersion(a.Version), a.Manager)
	default:
		fmt.Fprintf(b, "%s %s: %s, %s\n", name, quoteVersion(a.Version), a.Manager, quotePathIfUnsafe(a.Path))
	}
	if a.Differs {
		fmt.Fprintf(b, "    differs from what is declared: %s\n", quoteVersion(a.Declared.Want))
	}
	declared := p.Declared(name)
	decided := func(d runtimes.Declaration) bool {
		return a.Declared != nil && a.Declared.Source == d.Source && a.Declared.Want == d.Want
	}
	if a.Declared != nil && !slices.ContainsFunc(declared, decided) {
		declared = slices.Insert(declared, 0, *a.Declared)
	}
	for _, d := range declared {
		mark := " "
		if decided(d) {
			mark = ">"
		}
		fmt.Fprintf(b, "  %s %s %s, %s: %s\n", mark, d.WantKind, quoteVersion(d.Want), d.Scope, quotePathIfUnsafe(d.Source))
	}
	if all := p.Installed(name); len(all) > 0 {
		b.WriteString("    installed:")
		for i, one := range all {
			if i == 8 {
				fmt.Fprintf(b, " and %d more", len(all)-i)
				break
			}
			fmt.Fprintf(b, " %s (%s)", one.Version, one.Manager)
		}
		b.WriteByte('\n')
	}
}

// quoteVersion returns a version, quoted if it is not safe to show.
func quoteVersion(s string) string {
	if runtimes.Showable(s) {
		return s
	}
	return quote(s)
}

// quotePathIfUnsafe returns a path or the name of a variable, quoted if it is not safe to show.
func quotePathIfUnsafe(path string) string {
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if !runtimes.Showable(strings.TrimLeft(part, ".$")) {
			return quote(path)
		}
	}
	return path
}
