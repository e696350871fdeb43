package runtimes

// Declared returns the declarations of a runtime by precedence. The first declaration that is more than a requirement
// chooses the version. Global files and omg's own symlink are left out if an earlier declaration chooses the version.
func (p *Prober) Declared(runtime string) []Declaration {
	all := p.localDeclarations(runtime)
	if hasNonRequirement(all) {
		return all
	}
	if all = append(all, p.globalDeclarations(runtime)...); hasNonRequirement(all) {
		return all
	}
	return append(all, p.currentLinkDeclaration(runtime)...)
}

// localDeclarations returns the declarations in the environment and in directories.
func (p *Prober) localDeclarations(runtime string) []Declaration {
	all := p.environmentDeclarations(runtime)
	if runtime == Go {
		if d, ok := p.goDeclaration(); ok {
			all = append(all, d)
		}
	}
	if hasNonRequirement(all) {
		return all
	}
	p.walk()
	return append(all, p.directoryDeclarations[runtime]...)
}

// IsDeclaredHere reports whether the shell's environment or a project's directory declares a version of a runtime. A
// manager's global file is not enough.
func (p *Prober) IsDeclaredHere(runtime string) bool {
	for _, d := range p.localDeclarations(runtime) {
		if d.Scope == ScopeEnvironment || d.Scope == ScopeDirectory {
			return true
		}
	}
	return false
}

func hasNonRequirement(all []Declaration) bool {
	for _, d := range all {
		if !d.isRequirement {
			return true
		}
	}
	return false
}

// Active returns the version that would run. A zero Version means that nothing would run and nothing is declared.
func (p *Prober) Active(runtime string) Active {
	if runtime == Go {
		return p.activeGo(p.activeVersion(Go, nil))
	}
	var demand *Declaration
	for _, d := range p.localDeclarations(runtime) {
		if d.isRequirement { // only the nearest requirement applies
			demand = &d
			break
		}
	}
	return p.activeVersion(runtime, demand)
}

// activeVersion returns the version that would run according to PATH and the declarations. The parameter demand is a
// requirement that the version has to satisfy, or nil.
func (p *Prober) activeVersion(runtime string, demand *Declaration) Active {
	now := p.shellVersion(runtime)
	for _, d := range p.Declared(runtime) {
		if d.isRequirement {
			continue
		}
		if now.version != nil && d.Scope > ScopeDirectory {
			break // the version in PATH runs, not the manager's global version
		}
		a := p.resolve(&d)
		if now.version != nil && d.Scope == ScopeDirectory && !d.needsManager && pathVersionOverridesDeclared(*now.version, a) {
			a = now.version.toActive(&d)
			a.Differs = true
			return a
		}
		if demand == nil || a.Missing || d.needsManager {
			return a
		}
		return p.activeForRequirement(demand, Installation{Runtime: runtime, Version: a.Version, Manager: a.Manager, Path: a.Path}, true)
	}
	system, ok := p.systemInstallation(runtime)
	if i := now.version; i != nil && i.Manager != "system" {
		d := rawDeclaration{runtime: runtime, want: i.Version, kind: KindPin, kindIsSet: true}.toDeclaration(ScopeGlobal, now.source)
		if demand == nil {
			return i.toActive(&d)
		}
		a := i.toActive(demand)
		a.Differs = !p.satisfies(demand, i.Version)
		return a
	}
	if demand != nil {
		return p.activeForRequirement(demand, system, ok)
	}
	system.Runtime = runtime
	return system.toActive(nil)
}

func (i Installation) toActive(d *Declaration) Active {
	return Active{Runtime: i.Runtime, Version: i.Version, Manager: i.Manager, Path: i.Path, Declared: d}
}

// pathVersionOverridesDeclared reports whether the version in PATH runs instead of the declared version. A version that uv has installed is
// an exception: it is not in PATH, because uv runs its versions itself.
func pathVersionOverridesDeclared(running Installation, declared Active) bool {
	if declared.Missing {
		return running.Manager != "system"
	}
	return declared.Manager != "uv" && declared.Version != running.Version
}

// resolve returns the version that a declaration selects.
func (p *Prober) resolve(d *Declaration) Active {
	want := d.Want
	if d.resolvedWant != "" {
		want = d.resolvedWant
	}
	i, ok := Installation{}, false
	switch {
	case d.needsManager:
		return Active{Runtime: d.Runtime, Version: d.Want, Declared: d}
	case d.dirInstallation != nil:
		i, ok = *d.dirInstallation, true
	case !d.isDirWithoutRuntime:
		i, ok = p.choose(d.Runtime, want)
		for n := 0; !ok && n < len(d.Alternatives); n++ {
			i, ok = p.choose(d.Runtime, d.Alternatives[n])
		}
	}
	if !ok {
		return Active{Runtime: d.Runtime, Version: bareRequest(d.Runtime, want), Missing: true, Declared: d}
	}
	return i.toActive(d)
}

// activeForRequirement returns the version that runs under the requirement d. The parameter preferred is the version that would run
// without any requirement; ok is false if there is none. The preferred version runs if it satisfies d. Otherwise the
// required version itself runs if it is installed, otherwise the newest installed version that satisfies d.
func (p *Prober) activeForRequirement(d *Declaration, preferred Installation, ok bool) Active {
	if ok && p.satisfies(d, preferred.Version) {
		return preferred.toActive(d)
	}
	want := bareRequest(d.Runtime, d.Want)
	installed := p.Installed(d.Runtime)
	for _, i := range installed {
		if i.Version == want {
			return i.toActive(d)
		}
	}
	for _, i := range installed {
		if p.satisfies(d, i.Version) && !parseVersion(d.Runtime, i.Version).isPrerelease(d.Runtime) {
			return i.toActive(d)
		}
	}
	return Active{Runtime: d.Runtime, Version: want, Missing: true, Declared: d}
}

func (p *Prober) satisfies(d *Declaration, have string) bool {
	matches := p.matcher(d.Runtime, bareRequest(d.Runtime, d.Want))
	return matches != nil && matches(parseVersion(d.Runtime, have))
}

// AllActive returns the active versions of the prober's runtimes. A runtime without an active version is left out.
func (p *Prober) AllActive() []Active {
	var all []Active
	for _, runtime := range p.requestedRuntimes {
		if a := p.Active(runtime); a.Version != "" {
			all = append(all, a)
		}
	}
	return all
}
