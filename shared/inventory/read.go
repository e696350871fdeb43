package inventory

import (
	"fmt"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// Limits of a document. A host with 1,200 packages has a document of about 300 kB.
const (
	maxPackages = 200_000
	maxFields   = 256
	maxName     = 255     // bytes of the name of a host
	maxValue    = 2 << 20 // bytes of each field except packages
	maxList     = 10_000  // elements of each list of a package
)

// Reader says what Read returns of a document.
type Reader struct {
	// VisitPackage is called for each installed package, which is only valid during the call. If it is nil, packages are only checked for
	// being valid JSON.
	VisitPackage func(*HostPackage) error
	// OnlyNames means that VisitPackage needs only the name and the version.
	OnlyNames bool
	// Wanted has the names of the packages for which VisitPackage is called; nil for all.
	Wanted map[string]bool
	// NoLists means that the updates, the advisories and the findings are only checked for being valid JSON.
	NoLists bool
}

// NeedsDetails reports whether VisitPackage needs more of a package than its name and its version.
func (r *Reader) NeedsDetails() bool { return r.VisitPackage != nil && !r.OnlyNames }

// Read reads the document of an inventory, which may come from a hostile host. It returns the inventory without its packages. Neither
// the inventory nor a package shares memory with the text. An error says what is wrong with the document.
func (r *Reader) Read(text []byte) (*Inventory, error) {
	v := &Inventory{}
	s := &scanner{text: text}
	fields := map[string]any{
		"schema": &v.Schema, "host": &v.Host, "identity": &v.Identity, "at": &v.At, "omg_version": &v.OmgVersion, "daemon": &v.Daemon,
		"parts": &v.Parts, "counts": &v.Counts, "partial_counts": &v.PartialCounts, "sources": &v.Sources, "problems": &v.Problems,
		"kernel": &v.Kernel, "reboot_needed": &v.RebootNeeded,
	}
	if !r.NoLists {
		fields["updates"], fields["advisories"], fields["aur_findings"] = &v.Updates, &v.Advisories, &v.Findings
	}
	seen := map[string]bool{}
	for more := s.begin('{', '}'); more; more = s.more('}') {
		key := string(s.key())
		switch {
		case s.err != nil:
			return nil, s.err
		case seen[key]:
			return nil, fmt.Errorf("it has the field %.40q twice", key)
		case len(seen) == maxFields:
			return nil, fmt.Errorf("it has more than %d fields", maxFields)
		}
		seen[key] = true
		switch into := fields[key]; {
		case key == "packages":
			r.readPackages(s)
		case into == nil: // a list that is not needed, or a field of a later version of omg
			s.skip()
		default:
			s.decode(into, maxValue)
		}
		if s.err != nil {
			return nil, fmt.Errorf("%.40q: %w", key, s.err)
		}
	}
	if s.next(); s.at < len(text) {
		s.fail(fmt.Errorf("text follows the document"))
	}
	if s.err == nil {
		s.err = v.check(seen)
	}
	if s.err != nil {
		return nil, s.err
	}
	return v, nil
}

// readPackages reads the list of packages.
func (r *Reader) readPackages(s *scanner) {
	if s.next() == 'n' || r.VisitPackage == nil { // null: the packages are unknown
		s.skip()
		return
	}
	count, p := 0, &HostPackage{}
	for more := s.begin('[', ']'); more; more = s.more(']') {
		if count++; count > maxPackages {
			s.fail(fmt.Errorf("it has more than %d packages", maxPackages))
		}
		var name, version []byte
		last := *p
		*p = HostPackage{}
		for more := s.begin('{', '}'); more; more = s.more('}') {
			switch key := s.key(); {
			case string(key) == "name":
				name = s.bytes()
			case string(key) == "version":
				version = s.bytes()
			case r.OnlyNames:
				s.skip()
			default:
				p.readField(s, string(key), &last)
			}
		}
		switch {
		case s.err != nil:
		case len(name) == 0 || len(version) == 0:
			s.fail(fmt.Errorf("a package has no name or no version"))
		case r.Wanted == nil || r.Wanted[string(name)]:
			p.Name, p.Version = string(name), string(version)
			s.fail(r.VisitPackage(p))
		}
	}
}

// readField reads a field other than the name and the version. The last package often has the same values.
func (p *HostPackage) readField(s *scanner, key string, last *HostPackage) {
	switch key {
	case "arch":
		p.Arch = s.stringLike(last.Arch)
	case "reason":
		p.Reason = s.stringLike(last.Reason)
	case "repo":
		p.Repo = s.stringLike(last.Repo)
	case "desc":
		p.Desc = s.string()
	case "installed_at":
		p.InstalledAt = s.integer()
	case "built_at":
		p.BuiltAt = s.integer()
	case "foreign":
		p.Foreign = s.boolean()
	case "groups":
		p.Groups = s.strings()
	case "provides":
		p.Provides = s.strings()
	default:
		s.skip()
	}
}

// check returns an error if the document is not one that this version of omg can read.
func (v *Inventory) check(seen map[string]bool) error {
	switch {
	case !seen["schema"] || !seen["packages"]:
		return fmt.Errorf("it is not the document of omg inventory")
	case v.Schema != Schema:
		return fmt.Errorf("its schema is %d, but this program reads %d: use the version of omg that wrote it, or a later one", v.Schema, Schema)
	case v.Host == "" || len(v.Host) > maxName:
		return fmt.Errorf("the name of its host is empty or longer than %d bytes", maxName)
	case v.Identity != "" && !isIdentity(v.Identity):
		return fmt.Errorf("its identity is not 32 hexadecimal digits")
	case v.At <= 0:
		return fmt.Errorf("its time is missing")
	}
	return nil
}

// isIdentity reports whether a text has the form of an identity.
func isIdentity(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}

// Installed returns the package in the form in which it can be searched. Only the fields of the inventory are set.
func (p *HostPackage) Installed() wire.InstalledPackage {
	return wire.InstalledPackage{
		Package: wire.Package{Repo: p.Repo, Name: p.Name, Version: p.Version, Desc: p.Desc, Groups: p.Groups, Provides: p.Provides, Arch: p.Arch, BuildDate: p.BuiltAt},
		Reason:  p.Reason, InstallDate: p.InstalledAt, InstalledFromRepo: p.Repo,
	}
}
