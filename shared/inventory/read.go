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
}

// Read reads the document of an inventory, which may come from a hostile host. It returns the inventory without its packages. The result
// shares memory with the text. An error says what is wrong with the document.
func (r *Reader) Read(text string) (*Inventory, error) {
	v := &Inventory{}
	s := &scanner{text: text}
	fields := map[string]any{
		"schema": &v.Schema, "host": &v.Host, "identity": &v.Identity, "at": &v.At, "omg_version": &v.OmgVersion, "daemon": &v.Daemon,
		"parts": &v.Parts, "counts": &v.Counts, "partial_counts": &v.PartialCounts, "sources": &v.Sources, "problems": &v.Problems,
		"kernel": &v.Kernel, "reboot_needed": &v.RebootNeeded, "updates": &v.Updates, "advisories": &v.Advisories, "aur_findings": &v.Findings,
	}
	seen := map[string]bool{}
	err := s.object(func(key string) error {
		if seen[key] {
			return fmt.Errorf("it has the field %.40q twice", key)
		}
		if seen[key] = true; len(seen) > maxFields {
			return fmt.Errorf("it has more than %d fields", maxFields)
		}
		err := error(nil)
		switch into := fields[key]; {
		case key == "packages":
			err = r.readPackages(s)
		case into == nil: // a field of a later version of omg
			err = s.skip()
		default:
			err = s.decode(into, maxValue)
		}
		if err != nil {
			return fmt.Errorf("%.40q: %w", key, err)
		}
		return nil
	})
	if err == nil && s.next() != 0 || err == nil && s.at < len(text) {
		err = fmt.Errorf("text follows the document")
	}
	if err == nil {
		err = v.check(seen)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// readPackages reads the list of packages.
func (r *Reader) readPackages(s *scanner) error {
	if s.next() == 'n' || r.VisitPackage == nil { // null: the packages are unknown
		return s.skip()
	}
	count, p := 0, &HostPackage{}
	readField := func(key string) error { return r.readPackageField(p, s, key) }
	return s.list(func() error {
		if count++; count > maxPackages {
			return fmt.Errorf("it has more than %d packages", maxPackages)
		}
		*p = HostPackage{}
		if err := s.object(readField); err != nil {
			return err
		}
		if p.Name == "" || p.Version == "" {
			return fmt.Errorf("a package has no name or no version")
		}
		return r.VisitPackage(p)
	})
}

func (r *Reader) readPackageField(p *HostPackage, s *scanner, key string) (err error) {
	switch {
	case key == "name":
		p.Name, err = s.string()
	case key == "version":
		p.Version, err = s.string()
	case r.OnlyNames:
		err = s.skip()
	case key == "arch":
		p.Arch, err = s.string()
	case key == "reason":
		p.Reason, err = s.string()
	case key == "repo":
		p.Repo, err = s.string()
	case key == "desc":
		p.Desc, err = s.string()
	case key == "installed_at":
		p.InstalledAt, err = s.integer()
	case key == "built_at":
		p.BuiltAt, err = s.integer()
	case key == "foreign":
		p.Foreign, err = s.boolean()
	case key == "groups":
		p.Groups, err = s.strings()
	case key == "provides":
		p.Provides, err = s.strings()
	default:
		err = s.skip()
	}
	return err
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
func (p *HostPackage) Installed() *wire.InstalledPackage {
	return &wire.InstalledPackage{
		Package: wire.Package{Repo: p.Repo, Name: p.Name, Version: p.Version, Desc: p.Desc, Groups: p.Groups, Provides: p.Provides, Arch: p.Arch, BuildDate: p.BuiltAt},
		Reason:  p.Reason, InstallDate: p.InstalledAt, InstalledFromRepo: p.Repo,
	}
}
