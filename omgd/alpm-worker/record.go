//go:build libalpm

package main

import (
	"github.com/Jguer/go-alpm/v2"

	"github.com/omg-arch/omg/shared/wire"
)

// searchResultPackage copies the fields of a search result. They include all fields in which libalpm searches.
func searchResultPackage(repo string, p alpm.IPackage) wire.Package {
	return wire.Package{
		Repo:    repo,
		Name:    p.Name(),
		Version: p.Version(),
		Desc:    p.Description(),
		Groups:  copyStrings(p.Groups()),

		Provides: dependTexts(p.Provides()),
	}
}

// details copies all fields of a package.
func details(repo string, p alpm.IPackage) wire.Package {
	r := searchResultPackage(repo, p)
	r.Base = p.Base()
	r.Filename = p.FileName()
	r.Arch = p.Architecture()
	r.URL = p.URL()
	r.Licenses = copyStrings(p.Licenses())
	r.Depends = dependTexts(p.Depends())
	r.OptDepends = dependTexts(p.OptionalDepends())
	r.MakeDepends = dependTexts(p.MakeDepends())
	r.CheckDepends = dependTexts(p.CheckDepends())
	r.Conflicts = dependTexts(p.Conflicts())
	r.Replaces = dependTexts(p.Replaces())
	r.CSize = uint64(max(0, p.Size()))
	r.ISize = uint64(max(0, p.ISize()))
	r.Packager = p.Packager()
	r.BuildDate = p.BuildDate().Unix()
	r.SHA256 = p.SHA256Sum()
	for _, v := range []struct {
		bit  alpm.Validation
		name string
	}{
		{alpm.ValidationMD5Sum, "md5"},
		{alpm.ValidationSHA256Sum, "sha256"},
		{alpm.ValidationSignature, "pgp"},
	} {
		if p.Validation()&v.bit != 0 {
			r.Validation = append(r.Validation, v.name)
		}
	}
	return r
}

// copyStrings copies a list. An empty list becomes nil, like a field that is missing in the database.
func copyStrings(l alpm.StringList) []string {
	if l.Empty() {
		return nil
	}
	return l.Slice()
}

// dependTexts returns dependencies in the form in which a database contains them.
func dependTexts(l alpm.IDependList) []string {
	var out []string
	_ = l.ForEach(func(d *alpm.Depend) error {
		text := d.String()
		if d.Description != "" {
			text += ": " + d.Description
		}
		out = append(out, text)
		return nil
	})
	return out
}
