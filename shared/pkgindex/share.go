package pkgindex

import (
	"encoding/binary"
	"slices"

	"github.com/omg-arch/omg/shared/popularity"
)

// storedShare is the share of machines that have a package as the section SHAR stores it: one more than the share, or 0 if it is unknown.
type storedShare uint16

func storeShare(s popularity.Share) storedShare { return storedShare(s) + 1 }

// isValid reports whether the share is unknown, or at most that of all machines.
func (s storedShare) isValid() bool { return s <= storeShare(popularity.MaxShare) }

// value returns the share, and whether it is known.
func (s storedShare) value() (popularity.Share, bool) {
	if s == 0 {
		return 0, false
	}
	return popularity.Share(s - 1), true
}

// prominence returns what the share adds to the prominence of a package. The share must be known.
func (s storedShare) prominence() int { return timesLog2(prominenceShare, int(s)) }

// SetShares sets the shares of machines that have the packages, which then belong to the prominence of the packages. It must be called
// before the first package is added. Nil means that no share is known. It is for repositories: a package of the AUR has votes.
func (s *SourceBuilder) SetShares(shares *popularity.Shares) {
	if s.shares = shares; shares != nil {
		s.info.PopularitySHA256 = shares.SHA256
	}
}

// encodeShares encodes the SHAR section.
func (b *Builder) encodeShares(n uint32) []byte {
	if !slices.ContainsFunc(b.sources, func(s *SourceBuilder) bool { return s.info.PopularitySHA256 != "" }) {
		return nil
	}
	out := make([]byte, 0, int(n)*shareEntrySize)
	for _, s := range b.sources {
		for _, d := range s.docs {
			out = binary.LittleEndian.AppendUint16(out, uint16(d.share))
		}
	}
	return out
}
