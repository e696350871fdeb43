package show

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// liveFact returns the facts of a finding that follows from a reply of the AUR, or "" for any other finding.
func liveFact(f *backend.AURFinding) string {
	switch {
	case f.Submitted != nil:
		return "submitted to the AUR " + f.Submitted.Local().Format(zonedMinuteFormat)
	case f.PendingRequests == 1:
		return "1 request about it is open (to delete, merge, orphan or adopt it)"
	case f.PendingRequests > 1:
		return fmt.Sprintf("%d requests about it are open (to delete, merge, orphan or adopt it)", f.PendingRequests)
	case len(f.Dependencies) > 0:
		quoted := make([]string, len(f.Dependencies))
		for i, name := range f.Dependencies {
			quoted[i] = strconv.Quote(name)
		}
		return "needs what neither a repository nor the last dump of the AUR has: " + strings.Join(quoted, ", ")
	}
	return ""
}
