package runtimes

// Declared returns the declarations of a runtime by precedence. The first declaration that is more than a requirement
// chooses the version. Global files and omg's own symlink are left out if an earlier declaration chooses the version.
func (p *Prober) Declared(runtime string) []Declaration {
	all := p.local(runtime)
	if chooses(all) {
		return all
	}
	if all = append(all, p.global(runtime)...); chooses(all) {
		return all
	}
	return append(all, p.current(runtime)...)
}

// local returns the declarations in the environment and in directories.
func (p *Prober) local(runtime string) []Declaration {
	all := p.environment(runtime)
	if runtime == Go {
		if d, ok := p.goDeclared(); ok {
			all = append(all, d)
		}
	}
	if chooses(all) {
		return all
	}
	p.walk()
	return append(all, p.directory[runtime]...)
}

// DeclaredHere reports whether the shell's environment or a project's directory declares a version of a runtime. A
// manager's global file is not enough.
func (p *Prober) DeclaredHere(runtime string) bool {
	for _, d := range p.local(runtime) {
		if d.Scope == Environment || d.Scope == Directory {
			return true
		}
	}
	return false
}

func chooses(all []Declaration) bool {
	for _, d := range all {
		if !d.demands {
			return true
		}
	}
	return false
}

// Active returns the version that would run. A zero Version means that nothing would run and nothing is declared.
func (p *Prober) Active(runtime string) Active {
	if runtime == Go {
		return p.activeGo(p.chosen(Go, nil))
	}
	var demand *Declaration
	for _, d := range p.local(runtime) {
		if d.demands { // only the nearest requirement applies
			demand = &d
			break
		}
	}
	return p.chosen(runtime, demand)
}

// chosen returns the version that would run according to PATH and the declarations. The parameter demand is a
// requirement that the version has to satisfy, or nil.
func (p *Prober) chosen(runtime string, demand *Declaration) Active {
	now := p.runs(runtime)
	for _, d := range p.Declared(runtime) {
		if d.demands {
			continue
		}
		if now.version != nil && d.Scope > Directory {
			break // the version in PATH runs, not the manager's global version
		}
		a := p.resolve(&d)
		if now.version != nil && d.Scope == Directory && !d.unknown && overrides(*now.version, a) {
			a = now.version.active(&d)
			a.Differs = true
			return a
		}
		if demand == nil || a.Missing || d.unknown {
			return a
		}
		return p.satisfy(demand, Installation{Runtime: runtime, Version: a.Version, Manager: a.Manager, Path: a.Path}, true)
	}
	system, ok := p.systemInstalled(runtime)
	if i := now.version; i != nil && i.Manager != "system" {
		d := rawDeclaration{runtime: runtime, want: i.Version, kind: Pin, fixed: true}.declaration(Global, now.source)
		if demand == nil {
			return i.active(&d)
		}
		a := i.active(demand)
		a.Differs = !p.satisfies(demand, i.Version)
		return a
	}
	if demand != nil {
		return p.satisfy(demand, system, ok)
	}
	system.Runtime = runtime
	return system.active(nil)
}

func (i Installation) active(d *Declaration) Active {
	return Active{Runtime: i.Runtime, Version: i.Version, Manager: i.Manager, Path: i.Path, Declared: d}
}

// overrides reports whether the version in PATH runs instead of the declared version. A version that uv has installed is
// an exception: it is not in PATH, because uv runs its versions itself.
func overrides(running Installation, declared Active) bool {
	if declared.Missing {
		return running.Manager != "system"
	}
	return declared.Manager != "uv" && declared.Version != running.Version
}

// resolve returns the version that a declaration selects.
func (p *Prober) resolve(d *Declaration) Active {
	want := d.Want
	if d.as != "" {
		want = d.as
	}
	i, ok := Installation{}, false
	switch {
	case d.unknown:
		return Active{Runtime: d.Runtime, Version: d.Want, Declared: d}
	case d.found != nil:
		i, ok = *d.found, true
	case !d.exact:
		i, ok = p.choose(d.Runtime, want)
		for n := 0; !ok && n < len(d.Also); n++ {
			i, ok = p.choose(d.Runtime, d.Also[n])
		}
	}
	if !ok {
		return Active{Runtime: d.Runtime, Version: bareRequest(d.Runtime, want), Missing: true, Declared: d}
	}
	return i.active(d)
}

// satisfy returns the version that runs under the requirement d. The parameter preferred is the version that would run
// without any requirement; ok is false if there is none. The preferred version runs if it satisfies d. Otherwise the
// required version itself runs if it is installed, otherwise the newest installed version that satisfies d.
func (p *Prober) satisfy(d *Declaration, preferred Installation, ok bool) Active {
	if ok && p.satisfies(d, preferred.Version) {
		return preferred.active(d)
	}
	want := bareRequest(d.Runtime, d.Want)
	installed := p.Installed(d.Runtime)
	for _, i := range installed {
		if i.Version == want {
			return i.active(d)
		}
	}
	for _, i := range installed {
		if p.satisfies(d, i.Version) && !parseVersion(d.Runtime, i.Version).prerelease(d.Runtime) {
			return i.active(d)
		}
	}
	return Active{Runtime: d.Runtime, Version: want, Missing: true, Declared: d}
}

func (p *Prober) satisfies(d *Declaration, have string) bool {
	matches := p.matcher(d.Runtime, bareRequest(d.Runtime, d.Want))
	return matches != nil && matches(parseVersion(d.Runtime, have))
}

// All returns the active versions of the prober's runtimes. A runtime without an active version is left out.
func (p *Prober) All() []Active {
	var all []Active
	for _, runtime := range p.wants {
		if a := p.Active(runtime); a.Version != "" {
			all = append(all, a)
		}
	}
	return all
}
