package resident

import (
	"slices"
	"strings"
)

// table has each package and each version once, with the hosts that have it. Without it, a search would read the lists of all hosts.
type table struct {
	packages map[string]*namedPackage
	numbers  map[namedVersion]uint32
	builds   []build // by number; one without a package is free
	free     []uint32
	pairs    int // the sum of the hosts of all builds
	text     int // bytes of all names and versions
	round    uint64
}

func newTable() table {
	return table{packages: map[string]*namedPackage{}, numbers: map[namedVersion]uint32{}}
}

// namedPackage is a package with its versions.
type namedPackage struct {
	name     string
	versions []uint32 // the numbers of the builds
	seen     uint64   // the last round in which a host had it
}

// build is a version of a package.
type build struct {
	of      *namedPackage
	version string
	hosts   []uint32 // the numbers of the hosts, sorted
}

// Limits of all hosts together: 10,000 hosts with 1,200 packages have 12 million pairs of a host and a package, with 8 bytes each.
const (
	maxPairs = 64 << 20
	maxText  = 256 << 20
)

// number returns the number of a build, which is added if it is new.
func (t *table) number(p namedVersion) uint32 {
	n, found := t.numbers[p]
	if found {
		return n
	}
	of := t.packages[p.name]
	if of == nil {
		of = &namedPackage{name: strings.Clone(p.name)}
		t.packages[of.name] = of
		t.text += len(of.name)
	}
	b := build{of: of, version: strings.Clone(p.version)}
	if last := len(t.free) - 1; last >= 0 {
		n, t.free = t.free[last], t.free[:last]
		t.builds[n] = b
	} else {
		n = uint32(len(t.builds))
		t.builds = append(t.builds, b)
	}
	of.versions = append(of.versions, n)
	t.numbers[namedVersion{of.name, b.version}] = n
	t.text += len(b.version)
	return n
}

// replace replaces the builds of a host, both sorted.
func (t *table) replace(host uint32, before, after []uint32) {
	for i, j := 0, 0; i < len(before) || j < len(after); {
		switch {
		case j == len(after) || i < len(before) && before[i] < after[j]:
			t.removeHost(before[i], host)
			i++
		case i == len(before) || before[i] > after[j]:
			t.addHost(after[j], host)
			j++
		default:
			i++
			j++
		}
	}
}

func (t *table) addHost(n, host uint32) {
	b := &t.builds[n]
	at, found := len(b.hosts), false
	if at > 0 && b.hosts[at-1] >= host { // at the start, each host is the last
		at, found = slices.BinarySearch(b.hosts, host)
	}
	if !found {
		b.hosts = slices.Insert(b.hosts, at, host)
		t.pairs++
	}
}

func (t *table) removeHost(n, host uint32) {
	b := &t.builds[n]
	if at, found := slices.BinarySearch(b.hosts, host); found {
		b.hosts = slices.Delete(b.hosts, at, at+1)
		t.pairs--
	}
	t.release(n)
}

// release removes a build that no host has.
func (t *table) release(n uint32) {
	b := &t.builds[n]
	if b.of == nil || len(b.hosts) > 0 {
		return
	}
	delete(t.numbers, namedVersion{b.of.name, b.version})
	b.of.versions = slices.DeleteFunc(b.of.versions, func(other uint32) bool { return other == n })
	if t.text -= len(b.version); len(b.of.versions) == 0 {
		delete(t.packages, b.of.name)
		t.text -= len(b.of.name)
	}
	*b = build{}
	t.free = append(t.free, n)
}
