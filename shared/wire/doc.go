// Package wire implements the protocol between omgd and its clients: frames, the check that every frame passes before it
// is decoded, requests, replies, error codes and the types in replies. PROTOCOL.md describes the protocol for programs in
// other languages.
package wire

// Protocol is the version of the protocol that this program sends in hello. OldestProtocol is the oldest version that
// this program understands. History:
//
//	1  2026-11-23  hello, ping, search, info; all other operations were added without a new version
//	2  2026-11-28  the field close is renamed to suggestions, and the field own to downloaded
//	3  2026-11-29  watch, whose reply has no end; the operation news, the source news, and the field news in status and
//	               outdated; suggestions with reasons, and explain in search
//	4  2026-11-29  files_owner, files_list and command, the kind of source files, and suggestions of search with the reason command
//	5  2026-11-29  skip, is:installed and is:explicit in search, and the operation aur_pkgbuild
const (
	ProtocolVersion = 5
	OldestProtocol  = 2
)

// SupportsProtocol reports whether this program understands a peer with this version of the protocol: the version must
// differ from Protocol by at most one, and must not be older than OldestProtocol.
func SupportsProtocol(version uint32) bool {
	return version >= max(OldestProtocol, ProtocolVersion-1) && version <= ProtocolVersion+1
}
