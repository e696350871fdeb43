package answers

import (
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// AURInfo answers an AURInfoRequest with the AUR's reply about the names asked. The parameter notAsked lists the other names.
func (e *Encoder) AURInfo(asked, notAsked []string, reply snapshot.AURQueryResult, emit Emit) error {
	source, s := reply.Source, e.Snapshot
	var hits []pkgindex.Hit
	if source.State == wire.SourceOK {
		s, _ = e.WithAUR(reply)
		for _, name := range asked {
			found, err := s.LookupAUR(name)
			if err != nil {
				return err
			}
			hits = append(hits, found...)
		}
	}
	w := newWriter(emit)
	defer w.release()
	w.beginChunk(encodedBasis{}, 1, field{"not_asked", notAsked, len(notAsked) > 0})
	w.writeValue("sources", []wire.Source{source})
	if err := w.writePackages(s, hits, true, nil); err != nil {
		return err
	}
	return w.flush(false)
}
