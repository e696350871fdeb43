package app

import (
	"fmt"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// liveProblems returns why the AUR was not asked about all requested packages and their dependencies.
func liveProblems(live *backend.LiveReading) (problems []string) {
	if live == nil {
		return nil
	}
	if live.FailureReason != "" {
		problems = append(problems, "the AUR was not asked what changed since its last dump: "+live.FailureReason)
	}
	if live.SkippedCount > 0 {
		problems = append(problems, fmt.Sprintf("too many dependencies: the AUR was not asked about at least %d of them", live.SkippedCount))
	}
	return problems
}

// noteLive prints how old the replies of the AUR are, and about which packages it was not asked.
func (a *app) noteLive(live *backend.LiveReading, now time.Time) {
	if live == nil {
		return
	}
	if live.At != nil {
		requested := live.AskedCount - live.DependencyCount
		a.printNote(fmt.Sprintf("the AUR was asked %s about %s and %s",
			describeReplyAge(now.Sub(*live.At)), countNoun(requested, "package", "packages"), countNoun(live.DependencyCount, "dependency", "dependencies")))
	}
	if len(live.NotAsked) > 0 {
		a.printNote("the AUR was not asked about names that its last dump does not contain, because they could be private: " + quoteEach(live.NotAsked))
	}
}

func describeReplyAge(age time.Duration) string {
	switch {
	case age < 2*time.Second:
		return "now"
	case age < 2*time.Minute:
		return fmt.Sprintf("%d seconds ago", age/time.Second)
	}
	return fmt.Sprintf("%d minutes ago", age/time.Minute)
}

func countNoun(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return fmt.Sprintf("%d %s", n, plural)
}
