package wire

import "time"

// Limits of the journal's last observation. Beyond them, findings may be missing.
const (
	// MaxJournalAge is the maximum age. omgd normally observes the AUR once a day.
	MaxJournalAge = 48 * time.Hour
	// MaxClockDifference is the maximum time by which it can be ahead of this machine's clock.
	MaxClockDifference = time.Hour
)

// MaxEventAge is the age of an event of the journal after which it is no longer the reason for a finding.
const MaxEventAge = 90 * 24 * time.Hour

// The levels of findings about packages of the AUR, in ascending order.
const (
	FindingLevelNote = "note" // the fact is worth knowing, and common
	FindingLevelLook = "look" // look at the package before the next build
	FindingLevelAct  = "act"  // the installed package is known to be harmful
)

// AURMark marks an installed package of the AUR about which there are findings.
type AURMark struct {
	// Level is the highest level of the findings.
	Level string `msgpack:"level" json:"level"`
	// Reasons lists the reasons for the findings, those of the highest level first, each once and at most MaxMarkReasons.
	Reasons []string `msgpack:"reasons" json:"reasons"`
}

// MaxMarkReasons is the maximum number of reasons in an AURMark.
const MaxMarkReasons = 8

// FindingCounts counts the installed packages of the AUR about which there are findings. A package is counted once, at the highest
// level of its findings.
type FindingCounts struct {
	Act  uint32 `msgpack:"act" json:"act"`
	Look uint32 `msgpack:"look" json:"look"`
	Note uint32 `msgpack:"note" json:"note"`
}

// Total returns the number of packages with findings.
func (c *FindingCounts) Total() uint32 { return c.Act + c.Look + c.Note }

// Add counts a package whose findings have the given highest level. A level that is unknown here counts as a look, because only
// a package with findings has a level.
func (c *FindingCounts) Add(level string) {
	switch level {
	case FindingLevelAct:
		c.Act++
	case FindingLevelNote:
		c.Note++
	default:
		c.Look++
	}
}
