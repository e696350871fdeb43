package pacmandb

import "slices"

// Link is one package of a Chain.
type Link struct {
	Name string
	// Depend is the dependency, as written in the desc of Name, that the next link's package satisfies; empty in the
	// last link.
	Depend string
}

// Chain is a sequence of installed packages, each of which needs the next.
type Chain []Link

// Why returns the reasons for which the package name is installed: for each explicitly installed package that needs it
// without going through another explicit one, the shortest chain from that package to name; the shortest first, equally
// long ones by name. A package that is explicit itself also has a chain of one link. Without any chain, no explicit
// package needs it, or it is not installed.
func (r *Relations) Why(name string) []Chain {
	target := r.index(name)
	if target < 0 {
		return nil
	}
	var chains []Chain
	r.walk(target, func(i int32, toward []int32) (further bool) {
		if r.pkgs[i].Reason != ReasonExplicit {
			return true
		}
		chain := Chain{}
		for ; i != target; i = toward[i] {
			chain = append(chain, r.link(i, toward[i]))
		}
		chains = append(chains, append(chain, Link{Name: r.pkgs[target].Name}))
		return len(chain) == 0 // stop, except at the target itself
	}, r.required.to)
	return chains
}

// Brings is the opposite of Why: it returns the shortest chain from the package name to each package that it needs,
// directly or through others, in the order of Why.
func (r *Relations) Brings(name string) []Chain {
	source := r.index(name)
	if source < 0 {
		return nil
	}
	var chains []Chain
	r.walk(source, func(i int32, from []int32) bool {
		if i == source {
			return true
		}
		chain := Chain{{Name: r.pkgs[i].Name}}
		for ; i != source; i = from[i] {
			chain = append(chain, r.link(from[i], i))
		}
		slices.Reverse(chain)
		chains = append(chains, chain)
		return true
	}, r.needs)
	return chains
}

// walk visits the packages that edges lead to from start, each once: breadth first, level by level, in order of name.
// visit gets the package and a table of the package from which each visited one was reached, and reports whether to
// continue from there.
func (r *Relations) walk(start int32, visit func(i int32, from []int32) bool, edges func(int32) []int32) {
	from := make([]int32, len(r.pkgs))
	for i := range from {
		from[i] = -1
	}
	from[start] = start
	level := []int32{start}
	for len(level) > 0 {
		var next []int32
		for _, i := range level {
			if !visit(i, from) {
				continue
			}
			for _, k := range edges(i) {
				if from[k] < 0 {
					from[k] = i
					next = append(next, k)
				}
			}
		}
		slices.Sort(next)
		level = next
	}
}

// needs lists the packages that satisfy a dependency of package i.
func (r *Relations) needs(i int32) []int32 {
	var out []int32
	for _, s := range r.pkgs[i].Depends {
		r.each(ParseDepend(s), func(k int32) { out = append(out, k) })
	}
	return out
}

// link returns the step from package i to package to.
func (r *Relations) link(i, to int32) Link {
	for _, s := range r.pkgs[i].Depends {
		met := false
		r.each(ParseDepend(s), func(k int32) { met = met || k == to })
		if met {
			return Link{Name: r.pkgs[i].Name, Depend: s}
		}
	}
	return Link{Name: r.pkgs[i].Name}
}
