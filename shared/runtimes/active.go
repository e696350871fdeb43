package runtimes

// Declared returns the declarations of a runtime in order, as many as were needed: the first decides, unless it only
// sets a requirement.
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

// local returns the declarations of the shell and of the directories.
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

// DeclaredHere reports whether the shell or a project's directory declares a runtime, not only a manager's global file.
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
		if d.demands { // the nearest one counts
			demand = &d
			break
		}
	}
	return p.chosen(runtime, demand)
}

// chosen returns the version that runs by the declarations that choose one, and by PATH if demand sets at least a
// requirement.
func (p *Prober) chosen(runtime string, demand *Declaration) Active {
	now := p.runs(runtime)
	for _, d := range p.Declared(runtime) {
		if d.demands {
			continue
		}
		if now.version != nil && d.Scope > Directory {
			break // PATH has another directory than the manager's global version
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

// overrides reports whether PATH's version runs instead of the declared one. uv's versions are not in PATH: uv runs
// them itself.
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

// satisfy returns the version that runs if a floor or a range is required: the one that would run without it if it
// satisfies it, otherwise the required version if installed, otherwise the newest that satisfies it.
func (p *Prober) satisfy(d *Declaration, without Installation, ok bool) Active {
	if ok && p.satisfies(d, without.Version) {
		return without.active(d)
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

// All returns the active versions of the prober's runtimes, without those for which there is nothing to report.
func (p *Prober) All() []Active {
	var all []Active
	for _, runtime := range p.wants {
		if a := p.Active(runtime); a.Version != "" {
			all = append(all, a)
		}
	}
	return all
}
