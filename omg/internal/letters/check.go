package letters

// pair is a pair of options that exclude each other, if the condition is true.
type pair struct {
	excluded bool
	a, b     string
}

// check returns an error if the options exclude each other, in the order in which pacman checks them.
func (l *Line) check() error {
	var pairs []pair
	switch l.Operation {
	case 'D':
		pairs = l.databasePairs()
	case 'Q':
		pairs = l.queryPairs()
	case 'R':
		pairs = append(l.printPairs(), l.with("nosave", "print", "dbonly")...)
	case 'S':
		pairs = append(l.installPairs(), l.syncPairs()...)
	case 'U':
		pairs = l.installPairs()
	}
	for _, p := range pairs {
		if p.excluded {
			if p.b == "upgrades" {
				p.b = "upgrade" // pacman's own word
			}
			return invalidf("invalid option: '--%s' and '--%s' may not be used together", p.a, p.b)
		}
	}
	return nil
}

// with returns a pair of the option a and each of the others, if the command line has a.
func (l *Line) with(a string, others ...string) (pairs []pair) {
	for _, b := range others {
		pairs = append(pairs, pair{l.Has(a) && l.Has(b), a, b})
	}
	return pairs
}

func (l *Line) databasePairs() []pair {
	pairs := l.with("asdeps", "asexplicit", "check")
	return append(pairs, l.with("asexplicit", "check")...)
}

func (l *Line) queryPairs() (pairs []pair) {
	display := []string{"changelog", "check", "info", "list"}
	filters := []string{"deps", "explicit", "upgrades", "unrequired", "native", "foreign"}
	switch {
	case l.Has("file"):
		pairs = l.with("file", "groups", "search", "owns")
	case l.Has("search"):
		pairs = append(append(l.with("search", "groups", "owns"), l.with("search", display...)...), l.with("search", filters...)...)
	case l.Has("owns"):
		pairs = append(append(l.with("owns", "groups"), l.with("owns", display...)...), l.with("owns", filters...)...)
	case l.Has("groups"):
		pairs = l.with("groups", display...)
	}
	return append(append(pairs, l.with("deps", "explicit")...), l.with("native", "foreign")...)
}

func (l *Line) printPairs() []pair {
	return []pair{
		{l.prints() && l.Has("dbonly"), "print", "dbonly"},
		{l.prints() && (l.Has("noscriptlet") || l.Has("dbonly")), "print", "noscriptlet"},
	}
}

func (l *Line) installPairs() []pair {
	return append(l.printPairs(), l.with("asdeps", "asexplicit")...)
}

func (l *Line) syncPairs() []pair {
	switch {
	case l.Has("clean"):
		return l.with("clean", "groups", "info", "list", "refresh", "search", "sysupgrade", "downloadonly")
	case l.Has("info"):
		return l.with("info", "groups", "list", "search", "sysupgrade", "downloadonly")
	case l.Has("search"):
		return l.with("search", "groups", "list", "sysupgrade", "downloadonly")
	case l.Has("list"):
		return l.with("list", "groups", "sysupgrade", "downloadonly")
	case l.Has("groups"):
		return l.with("groups", "sysupgrade", "downloadonly")
	}
	return nil
}

// prints reports whether a transaction is only printed.
func (l *Line) prints() bool { return l.Has("print") || l.Has("print-format") }
