package backend

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// SortLikePacman sorts the packages of each repository by the bytes of their names. The packages of a repository are next to each
// other.
func SortLikePacman(packages []wire.Package) {
	for len(packages) > 0 {
		end := slices.IndexFunc(packages, func(p wire.Package) bool { return p.Repo != packages[0].Repo })
		if end < 0 {
			end = len(packages)
		}
		slices.SortStableFunc(packages[:end], func(a, b wire.Package) int { return strings.Compare(a.Name, b.Name) })
		packages = packages[end:]
	}
}
