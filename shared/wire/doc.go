// Package wire is the protocol between omgd and its clients: frames, the check
// that every frame passes before it is decoded, requests, responses, error codes
// and the records that answers are made of. PROTOCOL.md describes it for other
// languages.
package wire

// Protocol is the number that hello exchanges. A peer one number apart is still
// understood. History:
//
//	1  2026-11-23  hello, ping, search, info; later operations are additions
const Protocol = 1
