// Package subject names the subjects and streams that omg-fleet uses on a NATS server, and what each role may do with them. The
// permissions of a host are bound to its name by the server, so a subject says who has sent a message, whatever the message says.
package subject

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// The streams and the subject of questions.
const (
	// StateStream keeps the last inventory and the last sign of life of each host. RosterStream has a message for each host that was
	// added.
	StateStream  = "OMG_STATE"
	RosterStream = "OMG_ROSTER"
	// Question is the subject of all questions.
	Question = "omg.question"
	// NodeGroup is the queue group of the nodes: the server gives each lookup for one node to one of them.
	NodeGroup = "nodes"
)

// The subjects of the streams and of what the server confirms, with wildcards for the token of the host.
const (
	AllInventories = "omg.state.*.inventory"
	AllAlive       = "omg.state.*.alive"
	AllRoster      = "omg.roster.*"
	AllStored      = "omg.stored.*.*"

	// OneNode and AllNodes match the lookups of all hosts: those for one node, and those for each.
	OneNode  = "omg.lookup.*.one"
	AllNodes = "omg.lookup.*.all"

	// The server confirms a message to StateTree on the subject with the same rest in StoredTree.
	StateTree  = "omg.state.>"
	StoredTree = "omg.stored.>"
)

// MessageHeader names a message of a host to the state stream. The server returns it when the message is stored.
const MessageHeader = "Omg-Message"

// Inventory is the subject on which a host publishes its inventory, whenever it has changed.
func Inventory(host string) string { return "omg.state." + Token(host) + InventorySuffix }

// InventorySuffix is the end of the subjects of inventories, and of the signals that they were stored.
const InventorySuffix = ".inventory"

// Alive is the subject on which a host says regularly that it runs.
func Alive(host string) string { return "omg.state." + Token(host) + ".alive" }

// Roster is the subject of a host's entry in the roster.
func Roster(host string) string { return "omg.roster." + Token(host) }

// Reply is the subject on which a host answers a question.
func Reply(host, question string) string { return "omg.reply." + Token(host) + "." + question }

// Replies matches the replies of all hosts to a question.
func Replies(question string) string { return "omg.reply.*." + question }

// Stored matches the subjects on which the server confirms that it has stored a message of a host: it sends the headers of the message
// there. It would send its usual acknowledgement to the subject that the message names for replies, and a host could name a subject of
// another one.
func Stored(host string) string { return "omg.stored." + Token(host) + ".*" }

// Lookup is the subject on which a host looks something up on one node, and LookupAll on all nodes.
func Lookup(host string) string    { return "omg.lookup." + Token(host) + ".one" }
func LookupAll(host string) string { return "omg.lookup." + Token(host) + ".all" }

// Found is the subject on which a node answers a lookup of a host. The host and the node are those that the permissions of both allow.
func Found(host, node, id string) string {
	return "omg.found." + Token(host) + "." + Token(node) + "." + id
}

// FoundByAll matches the answers of all nodes to a lookup of a host.
func FoundByAll(host, id string) string { return "omg.found." + Token(host) + ".*." + id }

// Node returns the node that has published an answer to a lookup.
func Node(subject string) (string, error) {
	parts := strings.Split(subject, ".")
	if len(parts) != 5 || parts[0] != "omg" || parts[1] != "found" {
		return "", fmt.Errorf("the subject %.100q has no node", subject)
	}
	return parseToken(parts[3])
}

// NoNode is the subject on which the server tells a host that nobody has received its lookup. Nobody may publish to it.
func NoNode(host, id string) string { return "omg.nonode." + Token(host) + "." + id }

// Host returns the host that a subject names in its third token.
func Host(subject string) (string, error) {
	parts := strings.Split(subject, ".")
	if len(parts) < 3 || parts[0] != "omg" {
		return "", fmt.Errorf("the subject %.100q has no host", subject)
	}
	return parseToken(parts[2])
}

// maxToken limits the bytes of a token. The name of a host has at most 255 bytes, each of which becomes at most three.
const maxToken = 3 * 255

// Token returns the name of a host as one token of a subject: a byte that is not an ASCII letter, a digit, - or _ becomes = and two
// hexadecimal digits. Different names have different tokens.
func Token(host string) string {
	var b strings.Builder
	for i := range len(host) {
		if c := host[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	return b.String()
}

// parseToken returns the name of a host from its token. Only what Token returns is accepted, so that a host has one token.
func parseToken(token string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(token) && len(token) <= maxToken; i++ {
		if token[i] != '=' {
			b.WriteByte(token[i])
			continue
		}
		if decoded, err := hex.DecodeString(token[i+1 : min(i+3, len(token))]); err == nil && len(decoded) == 1 {
			b.WriteByte(decoded[0])
		}
		i += 2
	}
	if host := b.String(); host != "" && Token(host) == token {
		return host, nil
	}
	return "", fmt.Errorf("%.100q is not the name of a host", token)
}

func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// Permissions lists the subjects that a role may publish to and subscribe to. Everything else is denied.
type Permissions struct{ Publish, Subscribe []string }

// HostPermissions is what a host may do: publish its own state, answer questions in its own name, read questions and what the server has
// stored of it, and look something up on nodes and read their answers to it. It may not use the interface of JetStream, so that it can neither
// read the states of other hosts nor change a stream, and has no subject for replies that another host could read.
func HostPermissions(host string) Permissions {
	return Permissions{
		Publish:   []string{Inventory(host), Alive(host), Reply(host, "*"), Lookup(host), LookupAll(host)},
		Subscribe: []string{Question, Stored(host), "omg.found." + Token(host) + ".>", NoNode(host, "*")},
	}
}

// NodePermissions is what a node may do: all that a host may, receive the lookups of hosts, and answer them in its own name.
func NodePermissions(node string) Permissions {
	p := HostPermissions(node)
	p.Publish = append(p.Publish, "omg.found.*."+Token(node)+".*")
	p.Subscribe = append(p.Subscribe, OneNode, AllNodes)
	return p
}

// AdminInboxPrefix is where those who ask, and those who administer the fleet, receive replies of the server.
const AdminInboxPrefix = "_INBOX_admin"

// AskerPermissions is what those may do who ask questions: ask, read replies and read the streams. A request may name any subject for its
// reply, so a stolen key of an asker can also replace the state of a host.
func AskerPermissions() Permissions {
	var publish []string
	for _, stream := range []string{StateStream, RosterStream} {
		publish = append(publish, "$JS.API.STREAM.INFO."+stream, "$JS.API.DIRECT.GET."+stream, "$JS.API.DIRECT.GET."+stream+".>")
	}
	return Permissions{
		Publish:   append(publish, Question),
		Subscribe: []string{Replies("*"), AllStored, AdminInboxPrefix + ".>"},
	}
}

// ManagerPermissions is what omg-fleet may do while it makes the streams and writes the roster.
func ManagerPermissions() Permissions {
	publish := []string{"$JS.API.INFO", AllRoster}
	for _, stream := range []string{StateStream, RosterStream} {
		publish = append(publish, "$JS.API.STREAM.INFO."+stream, "$JS.API.STREAM.CREATE."+stream, "$JS.API.STREAM.UPDATE."+stream)
	}
	return Permissions{Publish: publish, Subscribe: []string{AdminInboxPrefix + ".>"}}
}

// allFound matches all answers to lookups.
const allFound = "omg.found.>"

// LeafPermissions is what a leaf node may do for the hosts and nodes of a site. It can read the lookups of all hosts and their answers, but no state
// of a host of another site.
func LeafPermissions() Permissions {
	return Permissions{
		Publish:   []string{AllInventories, AllAlive, Replies("*"), OneNode, AllNodes, allFound},
		Subscribe: []string{Question, AllStored, OneNode, AllNodes, allFound},
	}
}

// LeafSystemPermissions is what a leaf node may do in the servers' own account: get the account of the fleet and its changes, and say how it is
// configured.
func LeafSystemPermissions() Permissions {
	return Permissions{
		Publish:   []string{"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", "$SYS.REQ.CLAIMS.PACK", AdminInboxPrefix + ".>"},
		Subscribe: []string{"$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.SERVER.PING.VARZ", "$SYS._INBOX.>"},
	}
}
