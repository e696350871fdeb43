package direct

import (
	"context"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// Size implements backend.Backend.
func (b *Backend) Size(ctx context.Context, names []string) (*backend.SizeResult, error) {
	l, err := b.readLocalDatabase(ctx)
	if err != nil {
		return nil, err
	}
	local, relations := l.local, l.relations()
	result := &backend.SizeResult{Reading: localDBReading(local), Packages: []backend.PackageSize{}, PackageCount: len(local.Packages)}
	for _, p := range local.Packages {
		result.TotalSize += p.ISize
	}
	wanted := local.Packages
	if len(names) > 0 {
		wanted = nil
		for _, name := range names {
			if p := relations.Satisfier(name); p != nil {
				wanted = append(wanted, p)
			} else {
				result.Missing = append(result.Missing, name)
			}
		}
	}
	for _, p := range wanted {
		one := backend.PackageSize{
			Name: p.Name, Version: p.Version, Reason: p.Reason.String(), Size: p.ISize, RemovedSize: p.ISize, OnlyNeeded: []string{},
			Groups: append([]string{}, p.Groups...), RequiredBy: len(relations.RequiredBy(p.Name)),
		}
		for _, needed := range relations.OnlyNeededBy(p.Name) {
			one.OnlyNeeded = append(one.OnlyNeeded, needed.Name)
			one.RemovedSize += needed.ISize
		}
		result.Packages = append(result.Packages, one)
	}
	return result, nil
}
