package direct

import (
	"slices"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/buildfacts"
	"github.com/omg-arch/omg/omg/internal/buildfiles"
	"github.com/omg-arch/omg/shared/aurcheck"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/journal"
)

// findingReasons maps the changes of build files that are findings to their reasons.
var findingReasons = map[buildfacts.ChangeKind]aurlevel.Reason{
	buildfacts.ChangeChecksumSkipped: aurlevel.ReasonChecksumSkipped,
	buildfacts.ChangeHost:            aurlevel.ReasonSourceHostChanged,
	buildfacts.ChangeScriptAdded:     aurlevel.ReasonInstallScriptAdded,
	buildfacts.ChangeScriptChanged:   aurlevel.ReasonInstallScriptChanged,
}

// maxFindingValues is the maximum number of values of one finding.
const maxFindingValues = 20

// addBuildChanges copies the current build files of all packages of a check, unless the request says otherwise, and adds the differences between the copies. It returns why
// build files could not be copied.
func (b *Backend) addBuildChanges(c *aurcheck.Check, r *backend.AURCheckRequest, now time.Time) (problems []string) {
	bases, named := c.Bases(), ""
	if r.BuildDir != "" {
		if named = r.Names[0]; !slices.Contains(bases, named) {
			bases = append(bases, named)
		}
	}
	return b.compareBuildFiles(r, bases, named, now, c.AddBuildChanges)
}

// compareBuildFiles copies the current build files of package bases, unless the request says otherwise, and passes the differences between the copies
// of each to the function add. Those of the package base named are in the request's directory. It returns why build files could not be copied.
func (b *Backend) compareBuildFiles(r *backend.AURCheckRequest, bases []string, named string, now time.Time, add func(base string, changes []aurlevel.BuildChange)) (problems []string) {
	store, err := buildfiles.OpenStore(b.env)
	if err != nil {
		return nil // without a home directory, there are neither build files nor copies
	}
	for _, base := range bases {
		from := ""
		if base == named {
			from = r.BuildDir
		}
		var copies []buildfiles.Copy
		if r.NoCopies {
			copies, err = store.Copies(base)
		} else {
			copies, err = b.updateCopies(store, base, from, now)
		}
		if err != nil {
			problems = append(problems, err.Error())
		}
		add(base, findBuildChanges(copies, now))
	}
	return problems
}

// copyNamed copies the current build files of the named package bases, without comparing them, unless the request says otherwise.
func (b *Backend) copyNamed(r *backend.AURCheckRequest, now time.Time) (problems []string) {
	store, err := buildfiles.OpenStore(b.env)
	if err != nil || r.NoCopies {
		return nil
	}
	for _, name := range r.Names {
		if _, err := b.updateCopies(store, name, r.BuildDir, now); err != nil {
			problems = append(problems, err.Error())
		}
	}
	return problems
}

// findBuildChanges returns the differences between successive copies from which findings can follow. Copies that are too old for a finding
// are not compared.
func findBuildChanges(copies []buildfiles.Copy, now time.Time) (changes []aurlevel.BuildChange) {
	var old *buildfacts.Facts
	for i := 1; i < len(copies); i++ {
		if copies[i].At.Unix() < now.Unix()-aurlevel.MaxEventAge {
			continue
		}
		if old == nil {
			old = buildfacts.Read(copies[i-1].Files)
		}
		next := buildfacts.Read(copies[i].Files)
		for _, change := range buildfacts.Compare(old, next) {
			if reason, isFinding := findingReasons[change.Kind]; isFinding {
				changes = append(changes, aurlevel.BuildChange{
					Reason: reason, Copies: journal.Interval{From: copies[i-1].At.Unix(), To: copies[i].At.Unix()}, Values: change.New[:min(len(change.New), maxFindingValues)],
				})
			}
		}
		old = next
	}
	return changes
}
