// Package inventory defines the inventory of a host: its state and its installed packages at one moment, as omg inventory writes it. The
// programs that ask many hosts read these files.
package inventory

import (
	"bytes"
	"encoding/json"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// Schema is the version of the document. New fields do not change it; a change that could break a program that reads the document does.
const Schema = 1

// Inventory is the state of a host and its installed packages. A number that is unknown is absent, and a list that is unknown is null.
type Inventory struct {
	// Schema is the version of this document.
	Schema int `json:"schema"`
	// Host is the name that the host gives itself.
	Host string `json:"host"`
	// Identity identifies the installation: 32 hexadecimal digits that are derived from the machine ID, which they do not reveal. It is
	// absent if the host has no machine ID.
	Identity string `json:"identity,omitempty"`
	// At is when the inventory was made, in Unix seconds by the host's clock.
	At int64 `json:"at"`
	// OmgVersion is the version of omg that made the inventory.
	OmgVersion string `json:"omg_version"`
	// Daemon means that the data comes from omgd. Without omgd, there is no data of the security tracker and no finding.
	Daemon bool `json:"daemon"`
	// Parts says how reliable each part of the inventory is.
	Parts []Part `json:"parts"`
	// Counts holds the counts; an unknown count is absent, never 0. PartialCounts lists the names of counts that may be wrong, because a
	// source could not be read.
	Counts        wire.Counts `json:"counts"`
	PartialCounts []string    `json:"partial_counts,omitempty"`
	// Sources lists the sources, with their states and times.
	Sources []wire.Source `json:"sources"`
	// Problems lists the parts of the system and of omgd that do not work.
	Problems []wire.Problem `json:"problems,omitempty"`
	// Kernel is the release of the running kernel. RebootNeeded means that an upgrade has replaced this kernel. In a container, it is absent.
	Kernel       string `json:"kernel,omitempty"`
	RebootNeeded *bool  `json:"reboot_needed,omitempty"`
	// Updates lists the updates from the repositories, and those from the AUR.
	Updates []HostUpdate `json:"updates"`
	// Advisories lists the installed packages with advisories, the most severe first.
	Advisories []Vulnerable `json:"advisories"`
	// Findings lists the packages of the AUR about which there are findings.
	Findings []HostFinding `json:"aur_findings"`
	// Packages lists the installed packages by name. It is the last field, so that a program can read the state of a host first.
	Packages []HostPackage `json:"packages"`
}

// Part is the state of a part of the inventory.
type Part struct {
	Name PartName `json:"name"`
	// State says how reliable the part is.
	State PartState `json:"state"`
	// Why is the reason for the state; absent for ok.
	Why string `json:"why,omitempty"`
}

// String returns the state of a part as a text: "updates: partial: core: the file is damaged".
func (p Part) String() string {
	text := string(p.Name) + ": " + string(p.State)
	if p.Why != "" {
		text += ": " + p.Why
	}
	return text
}

// PartName is a part of the inventory.
type PartName string

// The parts.
const (
	PartPackages   PartName = "packages"
	PartUpdates    PartName = "updates"
	PartAdvisories PartName = "advisories"
	PartFindings   PartName = "aur_findings"
)

// PartState says how reliable a part is.
type PartState string

// The states of a part.
const (
	PartOK      PartState = "ok"      // it is complete and current
	PartStale   PartState = "stale"   // it was computed from older data
	PartPartial PartState = "partial" // a source could not be read, so that entries may be missing or wrong
	PartUnknown PartState = "unknown" // there is no data
)

// HostUpdate is an update of an installed package.
type HostUpdate struct {
	Name      string `json:"name"`
	Installed string `json:"installed"`
	Version   string `json:"version"`
	// Repo is the repository that has the update, or "aur".
	Repo string `json:"repo"`
	// Ignored means that pacman.conf ignores the update.
	Ignored bool `json:"ignored,omitempty"`
	// Severity is the highest severity of the advisories that the update resolves; absent if there is none.
	Severity string `json:"severity,omitempty"`
}

// Vulnerable is an installed package with advisories.
type Vulnerable struct {
	Name      string `json:"name"`
	Installed string `json:"installed"`
	// Update is the version that resolves the fixable advisories.
	Update string `json:"update,omitempty"`
	// Foreign means that the package is in no repository, so that the tracker may mean another package of the same name.
	Foreign    bool           `json:"foreign,omitempty"`
	Advisories []HostAdvisory `json:"advisories"`
}

// HostAdvisory is an advisory of the security tracker.
type HostAdvisory struct {
	Name string `json:"name"`
	// Severity is Critical, High, Medium, Low or Unknown.
	Severity string `json:"severity"`
	// Verdict is fixable, fixed-in-testing, affected or unconfirmed.
	Verdict string `json:"verdict"`
}

// HostFinding is what is worth knowing about a package of the AUR before it is built.
type HostFinding struct {
	Name      string `json:"name"`
	Installed string `json:"installed"`
	// Level is the highest level of the findings: act, look or note.
	Level string `json:"level"`
	// Reasons lists the reasons for the findings, those of the highest level first.
	Reasons []string `json:"reasons"`
}

// HostPackage is an installed package.
type HostPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch,omitempty"`
	// Reason is why the package was installed: explicit or dependency.
	Reason string `json:"reason,omitempty"`
	// InstalledAt and BuiltAt are in Unix seconds.
	InstalledAt int64 `json:"installed_at,omitempty"`
	BuiltAt     int64 `json:"built_at,omitempty"`
	// Repo is the first repository that has a package of this name. Foreign means that no repository has one. Without both it is unknown.
	Repo     string   `json:"repo,omitempty"`
	Foreign  bool     `json:"foreign,omitempty"`
	Desc     string   `json:"desc,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	Provides []string `json:"provides,omitempty"`
}

// FindPart returns the part with a name. A part that is not in the inventory is unknown.
func (v *Inventory) FindPart(name PartName) Part {
	for _, p := range v.Parts {
		if p.Name == name {
			return p
		}
	}
	return Part{Name: name, State: PartUnknown, Why: "the inventory does not say"}
}

// Problem returns a text about the first part that is not complete and current; empty if all parts are.
func (v *Inventory) Problem() string {
	for _, p := range v.Parts {
		if p.State != PartOK {
			return p.String()
		}
	}
	return ""
}

// Encode returns the document of an inventory: one line, with a newline at its end.
func Encode(v *Inventory) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return termtext.AppendSafeJSON(make([]byte, 0, b.Len()), b.Bytes()), nil
}
