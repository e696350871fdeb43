// Package wire is the protocol between omgd and its clients: frames, the check that every frame passes before it is
// decoded, requests, replies, error codes and the records in replies. PROTOCOL.md describes it for other languages.
package wire

// Protocol is the protocol version that hello exchanges. OldestProtocol is the oldest version that this one understands.
// History:
//
//	1  2026-11-23  hello, ping, search, info; later operations are additions
//	2  2026-11-28  the fields close and own of 1 are called suggestions and downloaded
const (
	Protocol       = 2
	OldestProtocol = 2
)

// SupportsProtocol reports whether this program understands a peer of a version: versions that differ by one understand
// each other, down to OldestProtocol.
func SupportsProtocol(version uint32) bool {
	return version >= max(OldestProtocol, Protocol-1) && version <= Protocol+1
}
