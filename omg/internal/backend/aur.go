package backend

import (
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// Interval is the times of two observations of the AUR, in UTC.
type Interval [2]time.Time

// NewInterval returns the interval between two times in Unix seconds.
func NewInterval(from, to int64) Interval {
	return Interval{time.Unix(from, 0).UTC(), time.Unix(to, 0).UTC()}
}

// AUREvent is an event in the journal of the AUR. A value that does not exist is nil.
type AUREvent struct {
	Base    string   `json:"pkgbase"`
	Event   string   `json:"event"`
	From    *string  `json:"from"`
	To      *string  `json:"to"`
	Between Interval `json:"between"`
	Source  string   `json:"source"`
}

// JournalReading describes the journal of the AUR, and how completely it was read.
type JournalReading struct {
	Path string `json:"journal"`
	// Observed is the interval from the first to the last observation in the journal; nil if the journal has none.
	Observed *Interval `json:"observed"`
	// CompleteSince is the time after which no observation is missing; nil if the journal has no observation. It is the time of
	// the first observation or, if the journal has gaps, the end of the last gap.
	CompleteSince *time.Time `json:"complete_since"`
	// Problem is what is wrong with the file of the journal; empty if nothing is wrong. Incomplete means that events may be
	// missing for this reason.
	Problem    string `json:"problem,omitempty"`
	Incomplete bool   `json:"incomplete,omitempty"`
	// LastRefused means that the last dump of the AUR was not compared, because it was probably incomplete.
	LastRefused bool `json:"last_refused,omitempty"`
}

// AURLogRequest asks for the events of package bases of the AUR.
type AURLogRequest struct {
	// All asks for the events of all package bases. Otherwise Names lists packages and package bases. If Names is empty too, the
	// request is about the installed packages that are in no repository.
	All   bool
	Names []string
	// Since is a time in Unix seconds: events that happened before it are left out.
	Since int64
}

// AURLogResult is the result of AURLog. Its basis says how certain the package bases of the installed packages are.
type AURLogResult struct {
	wire.Basis
	JournalReading
	Events []AUREvent `json:"events"`
}

// The levels of findings, in ascending order.
const (
	FindingLevelNote = wire.FindingLevelNote
	FindingLevelLook = wire.FindingLevelLook
	FindingLevelAct  = wire.FindingLevelAct
)

// AURCheckRequest asks for the findings about packages of the AUR.
type AURCheckRequest struct {
	// Names lists packages. If it is empty, the request is about the installed packages that are in no repository.
	Names []string
	// Offline means that the AUR is not asked about the packages in Names.
	Offline bool
	// NoCopies means that no build files are copied: only the copies that exist are compared.
	NoCopies bool
	// BuildDir is the directory with the current build files of the only package base in Names. If it is empty, the directories of AUR
	// helpers are searched.
	BuildDir string
}

// LiveReading describes what the AUR has replied about the requested packages and their dependencies.
type LiveReading struct {
	// At is the time of the oldest reply; nil if the AUR has not replied to each request. FailureReason then says why.
	At            *time.Time `json:"at"`
	FailureReason string     `json:"why,omitempty"`
	// AskedCount is the number of packages about which the AUR has replied. DependencyCount is how many of them are dependencies.
	AskedCount      int `json:"asked"`
	DependencyCount int `json:"dependencies"`
	// NotAsked lists the requested names about which the AUR was not asked, because the last dump does not contain them: a name that is not
	// known to be public does not leave the machine.
	NotAsked []string `json:"not_asked,omitempty"`
	// SkippedCount is the number of dependencies about which the AUR was not asked because there are too many.
	SkippedCount int `json:"skipped,omitempty"`
}

// AURCheckResult holds the findings about packages of the AUR.
type AURCheckResult struct {
	wire.Basis
	JournalReading
	// CheckedCount is the number of packages that were checked. Packages lists those with findings, the highest level first.
	CheckedCount int              `json:"checked"`
	Packages     []CheckedPackage `json:"packages"`
	// Certain means that all data is complete and recent, and that all packages were checked. If it is false, findings may be missing.
	Certain bool `json:"certain"`
	// DumpDiffers means that the journal's last observation is another dump than the latest dump of the AUR. What happened between
	// the two dumps is unknown.
	DumpDiffers bool `json:"dump_differs,omitempty"`
	// EventsSince is the time since which an event can be the reason for a finding.
	EventsSince time.Time `json:"-"`
	// Live describes the replies of the AUR; nil if the request does not need them.
	Live *LiveReading `json:"live,omitempty"`
	// Shortened lists package bases with so many events in the journal that the oldest were left out.
	Shortened []string `json:"shortened,omitempty"`
	// NotInAUR lists installed packages that are neither in the AUR nor in the journal. They were not checked.
	NotInAUR []string `json:"not_in_aur,omitempty"`
	// Missing lists requested names that are neither installed nor in the AUR nor in the journal.
	Missing []string `json:"missing,omitempty"`
	// IncidentLists lists the lists of known incidents with which the installed packages were compared.
	IncidentLists []IncidentList `json:"incident_lists"`
	// ScriptletProblem is why the scriptlets could not be examined; empty if they could.
	ScriptletProblem string `json:"scriptlet_problem,omitempty"`
	// Unavailable is why there are only the findings that follow from these lists and from scriptlets: the journal or the data of the
	// AUR is missing. It is empty if both could be read.
	Unavailable string `json:"unavailable,omitempty"`
	// BuildProblems says which build files could not be copied or compared, and why.
	BuildProblems []string `json:"build_problems,omitempty"`
}

// IncidentList describes a list of known incidents in the AUR.
type IncidentList struct {
	// Location is the path or the address of the list.
	Location string `json:"location"`
	Name     string `json:"name,omitempty"`
	Sequence int64  `json:"sequence,omitempty"`
	// Expires is the last day on which the list is complete, as 2027-01-31.
	Expires string `json:"expires,omitempty"`
	// Problem is why incidents may be missing; empty if the list is complete. Warnings names keys in the list that omg does not know.
	Problem  string   `json:"problem,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// ProblemText returns the list and its problem in one line, or "" if it has none.
func (l *IncidentList) ProblemText() string {
	if l.Problem == "" {
		return ""
	}
	return "the list of incidents " + l.Location + ": " + strings.TrimPrefix(l.Problem, l.Location+": ")
}

// CheckedPackage is a package of the AUR with findings about its package base.
type CheckedPackage struct {
	Name string `json:"name"`
	Base string `json:"pkgbase"`
	// BuiltBase is the package base from which the installed package was built, if the AUR now has the package in another one.
	BuiltBase string `json:"built_from,omitempty"`
	// Installed is the installed version; empty if the package is not installed.
	Installed string `json:"installed,omitempty"`
	// RequiredBy is the requested package that needs this package to run, build or check; empty if this package was requested itself.
	RequiredBy string `json:"required_by,omitempty"`
	// Level is the highest level of the findings.
	Level    string       `json:"level"`
	Findings []AURFinding `json:"findings"`
	// Evidence is what pacman recorded about the installed package; nil if it is not installed.
	Evidence *InstallEvidence `json:"evidence,omitempty"`
}

// InstallEvidence is what pacman recorded when it installed a package.
type InstallEvidence struct {
	// Built and InstalledAt are nil if they are unknown.
	Built       *time.Time `json:"built"`
	InstalledAt *time.Time `json:"installed_at"`
	Packager    string     `json:"packager"`
	// Validation lists how pacman checked the package: "none", "md5", "sha256" or "pgp". It is empty if this is unknown.
	Validation []string `json:"validation"`
}

// AURFinding is a finding about a package base.
type AURFinding struct {
	Level  string `json:"level"`
	Reason string `json:"reason"`
	// Events holds the events from which the finding follows, the oldest first.
	Events []AUREvent `json:"events"`
	// Updated and Flagged are when the package base was last updated, and when it was flagged out of date. They are nil if the
	// finding does not depend on them.
	Updated *time.Time `json:"updated,omitempty"`
	Flagged *time.Time `json:"flagged,omitempty"`
	// Acknowledged is when the user acknowledged the finding; nil if not.
	Acknowledged *time.Time `json:"acknowledged,omitempty"`
	// Submitted is when the package base was submitted, PendingRequests the number of undecided requests about it, and Dependencies lists
	// dependencies that are in no repository and not in the last dump of the AUR. They are empty if the finding does not depend on them.
	Submitted       *time.Time `json:"submitted,omitempty"`
	PendingRequests uint32     `json:"pending_requests,omitempty"`
	Dependencies    []string   `json:"dependencies,omitempty"`
	// LookAlikeOf is the popular package whose name differs by one edit; empty if the finding does not depend on it.
	LookAlikeOf string `json:"look_alike_of,omitempty"`
	// Incident is the known incident from which the finding follows; nil if it follows from something else.
	Incident *AURIncident `json:"incident,omitempty"`
	// Scriptlet holds the lines of the install scriptlet from which the finding follows; empty if it follows from something else.
	Scriptlet []ScriptletFact `json:"scriptlet,omitempty"`
	// Build is the difference between copies of build files from which the finding follows; nil if it follows from something else.
	Build *AURBuildChange `json:"build,omitempty"`
}

// ScriptletFact is something that the install scriptlet of a package does.
type ScriptletFact struct {
	// Line is the number of the line, from 1; 0 if the whole scriptlet is meant. Function is the function with the line; empty outside of
	// functions.
	Line     int    `json:"line"`
	Function string `json:"function"`
	// Subject is the command, the path or the reason, and Text the line. If it is long, only its beginning is there.
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// AURBuildChange is a difference between two copies of the build files of a package base.
type AURBuildChange struct {
	// Copies is the times of the two copies.
	Copies Interval `json:"copies"`
	// Values lists the hosts, sources or install scripts that the reason of the finding is about.
	Values []string `json:"values"`
}

// AURIncident is a known incident that a package matches.
type AURIncident struct {
	// What is what happened, in one sentence, and Source the address at which this was published. List is the location of the list
	// with the incident.
	What   string `json:"what"`
	Source string `json:"source"`
	List   string `json:"list"`
	// First and Last are the first and the last day on which a harmful build could be had, as 2026-06-09. Versions is the harmful
	// versions; empty if each version that was built on these days is harmful.
	First    string `json:"first"`
	Last     string `json:"last"`
	Versions string `json:"versions,omitempty"`
	// Built and InstalledAt are when the installed package was built and installed; nil if this is unknown.
	Built       *time.Time `json:"built"`
	InstalledAt *time.Time `json:"installed_at"`
}
