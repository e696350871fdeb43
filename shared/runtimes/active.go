package runtimes

// Declared are the declarations of a runtime in their order, as far as they were
// needed: the first decides, unless it only demands something.
func (p *Prober) Declared(runtime string) []Declaration {
	all := p.environment(runtime)
	if chooses(all) {
		return all
	}
	p.walk()
	if all = append(all, p.directory[runtime]...); chooses(all) {
		return all
	}
	if all = append(all, p.global(runtime)...); chooses(all) {
		return all
	}
	return append(all, p.current(runtime)...)
}

func chooses(all []Declaration) bool {
	for _, d := range all {
		if !d.demands {
			return true
		}
	}
	return false
}

// Active is what would run. A zero Version means that there is nothing to run
// and that nothing is declared.
func (p *Prober) Active(runtime string) Active {
	declared := p.Declared(runtime)
	var demand *Declaration
	for i := range declared {
		d := &declared[i]
		if d.demands {
			// The nearest demand counts.
			if demand == nil && (runtime != Go || !p.localGo()) {
				demand = d
			}
			continue
		}
		a := p.resolve(d)
		if demand == nil || a.Missing {
			return a
		}
		return p.satisfy(demand, Installed{Version: a.Version, Manager: a.Manager, Path: a.Path}, true)
	}
	system, ok := p.systemInstalled(runtime)
	if demand != nil {
		return p.satisfy(demand, system, ok)
	}
	return Active{Runtime: runtime, Version: system.Version, Manager: system.Manager, Path: system.Path}
}

// resolve finds what a declaration that chooses stands for.
func (p *Prober) resolve(d *Declaration) Active {
	i, ok := Installed{}, false
	switch {
	case d.found != nil:
		i, ok = *d.found, true
	case !d.exact:
		i, ok = p.choose(d.Runtime, d.Want)
		for n := 0; !ok && n < len(d.Also); n++ {
			i, ok = p.choose(d.Runtime, d.Also[n])
		}
	}
	if !ok {
		return Active{Runtime: d.Runtime, Version: plain(d.Runtime, d.Want), Missing: true, Declared: d}
	}
	return Active{Runtime: d.Runtime, Version: i.Version, Manager: i.Manager, Path: i.Path, Declared: d}
}

// satisfy is what runs where a floor or a range is demanded: what runs without
// it if that will do, else the installed version that is demanded, else the
// newest that will do.
func (p *Prober) satisfy(d *Declaration, without Installed, ok bool) Active {
	active := func(i Installed) Active {
		return Active{Runtime: d.Runtime, Version: i.Version, Manager: i.Manager, Path: i.Path, Declared: d}
	}
	if ok && p.satisfies(d, without.Version) {
		return active(without)
	}
	want := plain(d.Runtime, d.Want)
	installed := p.Installed(d.Runtime)
	for _, i := range installed {
		if i.Version == want {
			return active(i)
		}
	}
	for _, i := range installed {
		if p.satisfies(d, i.Version) && !parseVersion(d.Runtime, i.Version).early(d.Runtime) {
			return active(i)
		}
	}
	return Active{Runtime: d.Runtime, Version: want, Missing: true, Declared: d}
}

func (p *Prober) satisfies(d *Declaration, have string) bool {
	v := parseVersion(d.Runtime, have)
	if d.Kind == Floor && d.Runtime == Go { // go.mod has no operators
		return compareVersions(Go, have, d.Want) >= 0
	}
	matches := p.matcher(d.Runtime, plain(d.Runtime, d.Want))
	return matches != nil && matches(v)
}

// All are the active versions of the runtimes that the prober was made for,
// without those of which there is nothing to say.
func (p *Prober) All() []Active {
	var all []Active
	for _, runtime := range p.wants {
		if a := p.Active(runtime); a.Version != "" {
			all = append(all, a)
		}
	}
	return all
}
