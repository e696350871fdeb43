package filesindex

// uses collects for each string of a dictionary the packages that use it.
type uses struct {
	last     []uint32 // the last package of each string + 1
	start    []uint32 // the start of each string's packages; while counting, start[i+1] is the number of packages of string i
	packages []uint32
}

func newUses(n int) *uses { return &uses{last: make([]uint32, n), start: make([]uint32, n+1)} }

func (u *uses) countUse(i, pkg uint32) {
	if u.last[i] != pkg+1 {
		u.last[i] = pkg + 1
		u.start[i+1]++
	}
}

func (u *uses) allocate() {
	for i := range u.last {
		u.start[i+1] += u.start[i]
	}
	u.packages = make([]uint32, u.start[len(u.last)])
	copy(u.last, u.start) // from now on, where the next package of each string goes
}

func (u *uses) addUse(i, pkg uint32) {
	if at := u.last[i]; at == u.start[i] || u.packages[at-1] != pkg {
		u.packages[at] = pkg
		u.last[i]++
	}
}

func (u *uses) of(i int) []uint32 { return u.packages[u.start[i]:u.start[i+1]] }
