// Package wire is the protocol between omgd and its clients: frames, the check that every frame passes before it is
// decoded, requests, replies, error codes and the records in replies. PROTOCOL.md describes it for other languages.
package wire

// Protocol is the protocol version that hello exchanges. Peers whose versions differ by one understand each other.
// History:
//
//	1  2026-11-23  hello, ping, search, info; later operations are additions
const Protocol = 1
