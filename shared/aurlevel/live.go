package aurlevel

import (
	"cmp"
	"slices"
)

// The reasons for findings that only a reply of the AUR shows, or that are only worth knowing before a package is built.
const (
	// ReasonYoung: the time of the submission.
	ReasonYoung Reason = "young"
	// ReasonUnknownDependency: the names of the dependencies.
	ReasonUnknownDependency Reason = "unknown-dependency"
	// ReasonUpdatedSinceDump: the last update.
	ReasonUpdatedSinceDump Reason = "updated-since-dump"
	// ReasonPendingRequests: the number of the requests.
	ReasonPendingRequests Reason = "pending-requests"
)

// maxYoungAge is the maximum age, in seconds, at which a package base is young.
const maxYoungAge = 14 * day

// Live is what the AUR has replied about a package base. Times are in Unix seconds.
type Live struct {
	// RepliedAt is the time of the reply, and SubmittedAt that of the submission; 0 if this is unknown.
	RepliedAt, SubmittedAt int64
	// UpdatedAt is the time of the last update if the last dump does not contain this update; otherwise 0.
	UpdatedAt int64
	// PendingRequests is the number of requests about the package base that nobody has decided; 0 also if it is unknown.
	PendingRequests uint32
	// UnknownDependencies lists the dependencies that no repository has, and that the last dump of the AUR does not contain.
	UnknownDependencies []string
}

// FindLive returns the findings that follow from a reply of the AUR alone, the highest level first.
func FindLive(l *Live) (found []Finding) {
	if l.SubmittedAt > 0 && l.SubmittedAt >= l.RepliedAt-maxYoungAge {
		found = append(found, Finding{Level: LevelLook, Reason: ReasonYoung, SubmittedAt: l.SubmittedAt})
	}
	if len(l.UnknownDependencies) > 0 {
		found = append(found, Finding{Level: LevelLook, Reason: ReasonUnknownDependency, Dependencies: l.UnknownDependencies})
	}
	if l.UpdatedAt > 0 {
		found = append(found, Finding{Level: LevelNote, Reason: ReasonUpdatedSinceDump, UpdatedAt: l.UpdatedAt})
	}
	if l.PendingRequests > 0 {
		found = append(found, Finding{Level: LevelNote, Reason: ReasonPendingRequests, PendingRequests: l.PendingRequests})
	}
	return found
}

// Sort sorts findings by their levels, the highest first.
func Sort(found []Finding) {
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(b.Level, a.Level) })
}
