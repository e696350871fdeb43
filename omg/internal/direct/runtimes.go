package direct

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

// runtimesEnv returns everything in the environment of this process that decides which versions are active. The
// versions of the system's packages come from the databases that the user chose, otherwise from the status file of a daemon,
// otherwise from the machine's database.
func (b *Backend) runtimesEnv() (runtimes.Env, error) {
	dir, err := os.Getwd()
	if err != nil {
		return runtimes.Env{}, err
	}
	env := runtimes.Env{Getenv: b.env.Get, Home: b.env.Get("HOME"), Dir: dir, OmgDataDir: b.env.DataDir(b.o.DataDir), DBPath: b.o.DBPath, Root: b.env.Root}
	if b.o.PacmanConfig != "" {
		c := b.settings()
		pacman, err := b.pacmanConfig(&c)
		if err != nil {
			return runtimes.Env{}, err
		}
		env.DBPath = pacman.DBPath
	}
	if env.DBPath != "" {
		return env, nil
	}
	for _, socket := range b.env.Sockets(b.o.Socket) {
		s, err := statusfile.Read(b.env.StatusFile(socket))
		if err == nil && s.CheckFresh(clock.Now(), statusfile.CurrentBoot()) == nil {
			env.SystemVersions = s.SystemVersions() // nil if the daemon does not know them
			break
		}
	}
	return env, nil
}

// prober returns a Prober for the named runtimes, or for all runtimes if names is empty.
func (b *Backend) prober(names []string) (*runtimes.Prober, error) {
	canonical := make([]string, len(names))
	for i, n := range names {
		name, ok := runtimes.Canonical(n)
		if !ok {
			return nil, wire.Errorf(wire.CodeInvalid, "%v %q (have: %s)", runtimes.ErrUnknown, n, strings.Join(runtimes.Names(), ", "))
		}
		canonical[i] = name
	}
	env, err := b.runtimesEnv()
	if err != nil {
		return nil, err
	}
	return runtimes.New(env, canonical...), nil
}

// ActiveVersions implements backend.Backend.
func (b *Backend) ActiveVersions(_ context.Context, names []string) (*backend.ActiveVersions, error) {
	p, err := b.prober(names)
	if err != nil {
		return nil, err
	}
	result := &backend.ActiveVersions{Runtimes: snapshot.ConvertRuntimes(p.AllActive())}
	for _, n := range p.IgnoredPathNotes() {
		result.Notes = append(result.Notes, n.Path+": "+n.Text)
	}
	return result, nil
}

// InstalledVersions implements backend.Backend.
func (b *Backend) InstalledVersions(_ context.Context, names []string) (*backend.InstalledVersions, error) {
	p, err := b.prober(names)
	if err != nil {
		return nil, err
	}
	result := &backend.InstalledVersions{Versions: []backend.RuntimeVersion{}}
	for _, name := range p.Names() {
		active := p.Active(name)
		for _, i := range p.Installed(name) {
			v := toRuntimeVersion(i)
			v.Active = !active.Missing && i.Version == active.Version && i.Manager == active.Manager
			result.Versions = append(result.Versions, v)
		}
	}
	return result, nil
}

// UseRuntime implements backend.Backend.
func (b *Backend) UseRuntime(_ context.Context, runtime, version string) (*backend.UseResult, error) {
	env, err := b.runtimesEnv()
	if err != nil {
		return nil, err
	}
	chosen, err := runtimes.Use(env, runtime, version)
	switch {
	case errors.Is(err, runtimes.ErrUnknown):
		return nil, wire.Errorf(wire.CodeInvalid, "%v", err)
	case errors.Is(err, runtimes.ErrNotInstalled):
		return nil, &exit.Error{Code: exit.NotFound, Err: err, Hint: "omg runtime list shows the installed versions"}
	case err != nil:
		return nil, err
	}
	result := &backend.UseResult{RuntimeVersion: toRuntimeVersion(chosen)}
	for _, now := range snapshot.ConvertRuntimes(runtimes.New(env, chosen.Runtime).AllActive()) {
		result.ActiveNow = now
	}
	return result, nil
}

func toRuntimeVersion(i runtimes.Installation) backend.RuntimeVersion {
	return backend.RuntimeVersion{Runtime: i.Runtime, Version: i.Version, Alias: i.Alias, Manager: i.Manager, Path: i.Path}
}
