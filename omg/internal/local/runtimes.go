package local

import (
	"errors"
	"os"
	"strings"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/statusfile"
)

// aboutRuntimes answers what depends on the asker's directory and environment. It
// returns false for a request about something else.
func aboutRuntimes(a *ask.Asker, req any, emit ask.Emit) (bool, error) {
	switch r := req.(type) {
	case *ask.WhichRequest:
		return true, which(a, r, emit)
	case *ask.ListRequest:
		return true, list(a, r, emit)
	case *ask.UseRequest:
		return true, use(a, r, emit)
	}
	return false, nil
}

// here is what a probe of this process depends on. The versions of the system's
// packages are those of the status file, if a daemon keeps one.
func here(a *ask.Asker) (runtimes.Env, error) {
	env := paths.Process()
	dir, err := os.Getwd()
	if err != nil {
		return runtimes.Env{}, err
	}
	probe := runtimes.Env{Getenv: env.Get, Home: env.Get("HOME"), Dir: dir, Data: env.DataDir(a.DataDir), DBPath: a.DBPath}
	if a.DBPath != "" {
		return probe, nil
	}
	for _, socket := range env.Sockets(a.Socket) {
		if s, err := statusfile.Read(env.Status(socket)); err == nil && s.System != nil {
			probe.System = make(map[string]string, len(s.System))
			for _, v := range s.System {
				probe.System[v.Runtime] = v.Version
			}
			break
		}
	}
	return probe, nil
}

// canonical are the canonical names of runtimes, or an error that lists them.
func canonical(names []string) ([]string, error) {
	out := make([]string, len(names))
	for i, n := range names {
		name, ok := runtimes.Canonical(n)
		if !ok {
			return nil, command.Usagef("%q: %w: there are %s", n, runtimes.ErrUnknown, strings.Join(runtimes.Names(), ", "))
		}
		out[i] = name
	}
	return out, nil
}

// prober looks for these runtimes, or for all.
func prober(a *ask.Asker, names []string) (*runtimes.Prober, error) {
	names, err := canonical(names)
	if err != nil {
		return nil, err
	}
	env, err := here(a)
	if err != nil {
		return nil, err
	}
	return runtimes.New(env, names...), nil
}

func which(a *ask.Asker, r *ask.WhichRequest, emit ask.Emit) error {
	p, err := prober(a, r.Names)
	if err != nil {
		return err
	}
	result := ask.WhichResult{Runtimes: answers.Runtimes(p.All())}
	for _, n := range p.Notes() {
		result.Notes = append(result.Notes, n.Path+": "+n.Text)
	}
	return send(emit, &result)
}

func list(a *ask.Asker, r *ask.ListRequest, emit ask.Emit) error {
	p, err := prober(a, r.Names)
	if err != nil {
		return err
	}
	result := ask.ListResult{Versions: []ask.RuntimeVersion{}}
	for _, name := range p.Names() {
		active := p.Active(name)
		for _, i := range p.Installed(name) {
			v := versionOf(i)
			v.Active = !active.Missing && i.Version == active.Version && i.Manager == active.Manager
			result.Versions = append(result.Versions, v)
		}
	}
	return send(emit, &result)
}

func use(a *ask.Asker, r *ask.UseRequest, emit ask.Emit) error {
	env, err := here(a)
	if err != nil {
		return err
	}
	chosen, err := runtimes.Use(env, r.Runtime, r.Version)
	switch {
	case errors.Is(err, runtimes.ErrUnknown):
		return command.Usagef("%w", err)
	case errors.Is(err, runtimes.ErrNotInstalled):
		return &exit.Error{Code: exit.NotFound, Err: err, Hint: "omg list shows what is"}
	case err != nil:
		return err
	}
	result := ask.UseResult{RuntimeVersion: versionOf(chosen)}
	for _, now := range answers.Runtimes(runtimes.New(env, chosen.Runtime).All()) {
		result.Now = now
	}
	return send(emit, &result)
}

func versionOf(i runtimes.Installed) ask.RuntimeVersion {
	return ask.RuntimeVersion{Runtime: i.Runtime, Version: i.Version, Alias: i.Alias, Manager: i.Manager, Path: i.Path}
}
