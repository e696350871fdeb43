package pacmandb

import "slices"

// ChainLink is one package of a Chain.
type ChainLink struct {
	Name string
	// DependOnNext is the dependency that connects this package to the package of the next link, as written in the desc. It
	// is empty in the last link.
	DependOnNext string
}

// Chain is a sequence of installed packages, in which each package needs the next.
type Chain []ChainLink

// Why returns the reasons why the package with the given name, the target, is installed. Each reason is the shortest
// chain from an explicitly installed package to the target, with no other explicitly installed package in between.
// Shorter chains come first, and chains of equal length are in order of name. If the target is itself explicitly
// installed, one chain consists of the target alone. The result is empty if no explicitly installed package needs the
// target, or if the target is not installed.
func (r *Relations) Why(name string) []Chain {
	target := r.indexOf(name)
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
			chain = append(chain, r.chainLink(i, toward[i]))
		}
		chains = append(chains, append(chain, ChainLink{Name: r.pkgs[target].Name}))
		return len(chain) == 0 // stop at this explicitly installed package, unless it is the target
	}, r.dependants.dependantsOf)
	return chains
}

// DependencyChains is the opposite of Why: it returns the shortest chain from the package with the given name to each
// package that it needs, directly or through other packages. The chains are in the same order as in Why.
func (r *Relations) DependencyChains(name string) []Chain {
	source := r.indexOf(name)
	if source < 0 {
		return nil
	}
	var chains []Chain
	r.walk(source, func(i int32, parents []int32) bool {
		if i == source {
			return true
		}
		chain := Chain{{Name: r.pkgs[i].Name}}
		for ; i != source; i = parents[i] {
			chain = append(chain, r.chainLink(parents[i], i))
		}
		slices.Reverse(chain)
		chains = append(chains, chain)
		return true
	}, r.dependenciesOf)
	return chains
}

// walk visits the package with the index start and every package that can be reached from there, once each and breadth
// first; packages at the same distance are in order of name. The function edges returns the packages that can be
// reached from a package in one step. For each package i, walk calls visit(i, parents). The element parents[k] is the
// package from which package k was reached. If visit returns false, the walk does not continue from package i.
func (r *Relations) walk(start int32, visit func(i int32, parents []int32) bool, edges func(int32) []int32) {
	parents := make([]int32, len(r.pkgs))
	for i := range parents {
		parents[i] = -1
	}
	parents[start] = start
	level := []int32{start}
	for len(level) > 0 {
		var next []int32
		for _, i := range level {
			if !visit(i, parents) {
				continue
			}
			for _, k := range edges(i) {
				if parents[k] < 0 {
					parents[k] = i
					next = append(next, k)
				}
			}
		}
		slices.Sort(next)
		level = next
	}
}

// dependenciesOf returns the indexes of all packages that satisfy a dependency of the package with the index i.
func (r *Relations) dependenciesOf(i int32) []int32 {
	var out []int32
	for _, s := range r.pkgs[i].Depends {
		r.visitSatisfiers(ParseDepend(s), func(k int32) { out = append(out, k) })
	}
	return out
}

// chainLink returns the link for the package with the index i. In the chain, the package with the index next follows it.
func (r *Relations) chainLink(i, next int32) ChainLink {
	for _, s := range r.pkgs[i].Depends {
		met := false
		r.visitSatisfiers(ParseDepend(s), func(k int32) { met = met || k == next })
		if met {
			return ChainLink{Name: r.pkgs[i].Name, DependOnNext: s}
		}
	}
	return ChainLink{Name: r.pkgs[i].Name}
}
