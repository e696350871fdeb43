package lookup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/lookup"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/node"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// source answers lookups as the function does.
type source func(*messages.Lookup) *messages.Found

func (s source) Answer(_ context.Context, l *messages.Lookup) *messages.Found { return s(l) }

// found is the answer with one package of this name.
func found(name string) *messages.Found {
	return &messages.Found{State: messages.FoundAnswered, Search: &wire.SearchResult{
		Total: 1, Packages: []wire.Package{{Repo: "core", Name: name, Version: "1-1"}},
		Basis: wire.Basis{Sources: []wire.Source{{Name: "core", Kind: wire.KindRepository, State: wire.SourceOK, ChangedAt: time.Now().Unix() - 1000}}},
	}}
}

var search = messages.Lookup{Kind: messages.LookupSearch, Words: []string{"word"}, Limit: 10}

func newFleet(t *testing.T) *fleettest.Fleet {
	t.Helper()
	f := fleettest.Start(t, 1)
	f.SetUp(t)
	return f
}

func options(f *fleettest.Fleet, one *server.Server, key *fleettest.Key) link.Options {
	return link.Options{Server: one.ClientURL(), CA: f.CAPath(), Auth: key.Option()}
}

// startNode runs a node until the test ends. It returns when the server knows it.
func startNode(t *testing.T, f *fleettest.Fleet, one *server.Server, name string, s source) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- node.Run(ctx, node.Options{Link: options(f, one, f.AddNode(t, name)), Host: name, Source: s, Log: slog.New(slog.DiscardHandler)})
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, await.Receive(t, ended, "the node to end"))
	})
	await.Condition(t, func() bool {
		all, err := one.Connz(&server.ConnzOptions{})
		require.NoError(t, err)
		return slices.ContainsFunc(all.Conns, func(c *server.ConnInfo) bool { return c.Name == "omg-fleet node "+name && c.NumSubs == 2 })
	}, "the node to wait for lookups")
}

func ask(t *testing.T, o link.Options, host string) (*lookup.Answer, error) {
	t.Helper()
	return lookup.Ask(t.Context(), o, host, search, await.Timeout)
}

func TestAsk(t *testing.T) {
	f := newFleet(t)
	web1 := options(f, f.Servers[0], f.AddHost(t, "web1"))
	_, err := ask(t, web1, "web1")
	require.ErrorContains(t, err, "no node answers lookups")
	require.Equal(t, exit.Failed, exit.Code(err))
	startNode(t, f, f.Servers[0], "node.example.org", func(*messages.Lookup) *messages.Found { return found("bash") })
	a, err := ask(t, web1, "web1")
	require.NoError(t, err)
	require.Equal(t, "node.example.org", a.Node)
	require.Equal(t, "bash", a.Search.Packages[0].Name)
	require.InDelta(t, time.Now().Unix()-1000, a.AsOf, 60)

	// A node can look something up too. Others cannot, and nobody under the name of another host.
	_, err = ask(t, options(f, f.Servers[0], f.AddNode(t, "node2")), "node2")
	require.NoError(t, err)
	_, err = ask(t, web1, "web2")
	require.ErrorContains(t, err, "the server refuses the lookup of web2")
	_, err = ask(t, link.Options{Server: web1.Server, CA: web1.CA, Creds: f.CredsPath()}, "admin")
	require.ErrorContains(t, err, "the server refuses the lookup of admin")
}

// TestAsk_Leaf checks that lookups and answers pass through a leaf node in both directions.
func TestAsk_Leaf(t *testing.T) {
	for _, nodeAtSite := range []bool{false, true} {
		f := newFleet(t)
		atNode, atHost := f.Servers[0], f.AddLeaf(t)
		if nodeAtSite {
			atNode, atHost = atHost, atNode
		}
		startNode(t, f, atNode, "node1", func(*messages.Lookup) *messages.Found { return found("bash") })
		host := options(f, atHost, f.AddHost(t, "web1"))
		await.Condition(t, func() bool {
			_, err := ask(t, host, "web1")
			return err == nil
		}, "the node's subscription to reach the other server")
	}
}

// TestAsk_Restart checks that a lookup survives the end of the connection.
func TestAsk_Restart(t *testing.T) {
	f := newFleet(t)
	asked, restarted := make(chan bool, 100), make(chan bool)
	startNode(t, f, f.Servers[0], "node1", func(*messages.Lookup) *messages.Found {
		asked <- true
		<-restarted
		return found("bash")
	})
	web1 := options(f, f.Servers[0], f.AddHost(t, "web1"))
	ended := make(chan error, 1)
	go func() {
		_, err := ask(t, web1, "web1")
		ended <- err
	}()
	await.Receive(t, asked, "the node to get the lookup")
	f.Restart(t, 0)
	close(restarted)
	require.NoError(t, await.Receive(t, ended, "the answer"))
}

// TestAsk_HostileNode checks that the answers of one node, which is the only one that gets lookups first, cannot prevent that of another one.
func TestAsk_HostileNode(t *testing.T) {
	f := newFleet(t)
	hostile, _ := f.Connect(t, f.Servers[0], f.AddNode(t, "hostile").Option())
	honest, _ := f.Connect(t, f.Servers[0], f.AddNode(t, "honest").Option())
	answer := func(m *nats.Msg, as string, data []byte) {
		l, err := messages.ParseLookup(m.Data)
		require.NoError(t, err)
		conn := map[string]*nats.Conn{"hostile": hostile, "honest": honest}[as]
		require.NoError(t, conn.Publish(subject.Found("web1", as, l.ID), data))
	}
	honestly, err := honest.Subscribe(subject.AllNodes, func(m *nats.Msg) {
		f := found("bash")
		f.Schema = messages.Schema
		data, err := f.Encode(1 << 20)
		require.NoError(t, err)
		answer(m, "honest", data)
	})
	require.NoError(t, err)
	require.NoError(t, honest.Flush())
	web1 := options(f, f.Servers[0], f.AddHost(t, "web1"))

	many := found("x")
	many.Search.Packages = make([]wire.Package, search.Limit+1)
	many.Search.Total = uint32(len(many.Search.Packages))
	another := found("x")
	another.Info, another.Search = &wire.InfoResult{}, nil
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("{}"), "acknowledgement": []byte(`{"stream":"OMG_STATE","seq":1}`), "random": {0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3},
		"bomb": compress(t, bytes.Repeat([]byte(" "), 64<<20)), "no JSON": compress(t, []byte("x")), "another schema": packed(t, &messages.Found{Schema: 99}),
		"nothing": packed(t, &messages.Found{Schema: messages.Schema, State: messages.FoundAnswered}), "many packages": packed(t, many), "another lookup": packed(t, another),
		"negative": compress(t, []byte(`{"schema":1,"state":"answered","search":{"total":-1}}`)),
		"deep":     compress(t, []byte(`{"schema":1,"search":`+strings.Repeat("[", 1<<20))),
		"unknown":  packed(t, &messages.Found{Schema: messages.Schema, State: "other", Problem: strings.Repeat("\x1b[31m", 10000)}),
		"busy":     packed(t, &messages.Found{Schema: messages.Schema, State: messages.FoundUnavailable}),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := hostile.QueueSubscribe(subject.OneNode, subject.NodeGroup, func(m *nats.Msg) {
				for range 200 {
					answer(m, "hostile", data)
				}
			})
			require.NoError(t, err)
			require.NoError(t, hostile.Flush())
			a, err := ask(t, web1, "web1")
			require.NoError(t, err)
			require.Equal(t, "honest", a.Node)
			require.NoError(t, s.Unsubscribe())
		})
	}

	// The name of a node that has answered is not what it says. The other node would answer if this one took a second.
	require.NoError(t, honestly.Unsubscribe())
	require.NoError(t, honest.Flush())
	_, err = hostile.QueueSubscribe(subject.OneNode, subject.NodeGroup, func(m *nats.Msg) { answer(m, "hostile", packed(t, found("node\":\"honest"))) })
	require.NoError(t, err)
	require.NoError(t, hostile.Flush())
	a, err := ask(t, web1, "web1")
	require.NoError(t, err)
	require.Equal(t, "hostile", a.Node)
}

func compress(t *testing.T, text []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer w.Close()
	return w.EncodeAll(text, nil)
}

func packed(t *testing.T, f *messages.Found) []byte {
	t.Helper()
	if f.Schema == 0 {
		f.Schema = messages.Schema
	}
	text, err := json.Marshal(f)
	require.NoError(t, err)
	return compress(t, text)
}

// raw is the connection of a host that sends what omg-fleet would not.
type raw struct {
	t    *testing.T
	conn *nats.Conn
	host string
	got  *nats.Subscription
}

func newRaw(t *testing.T, f *fleettest.Fleet, host string) *raw {
	t.Helper()
	conn, _ := f.Connect(t, f.Servers[0], f.AddHost(t, host).Option())
	got, err := conn.SubscribeSync("omg.found." + subject.Token(host) + ".>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush())
	return &raw{t, conn, host, got}
}

func (r *raw) send(text string) {
	r.t.Helper()
	require.NoError(r.t, r.conn.PublishRequest(subject.Lookup(r.host), "omg.state.web2.inventory", []byte(text)))
}

func (r *raw) lookUp(id string) {
	r.t.Helper()
	r.send(fmt.Sprintf(`{"schema":1,"id":%q,"kind":"search","words":["x"],"limit":10}`, id))
}

// next returns the next answer, and the ID of its lookup.
func (r *raw) next() (*messages.Found, string) {
	r.t.Helper()
	m, err := r.got.NextMsg(await.Timeout)
	require.NoError(r.t, err)
	f, err := messages.ParseFound(m.Data, &search)
	require.NoError(r.t, err)
	return f, m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
}

// TestNode_HostileLookups checks that a node refuses what it does not answer, and answers nothing that has no ID.
func TestNode_HostileLookups(t *testing.T) {
	f := newFleet(t)
	startNode(t, f, f.Servers[0], "node1", func(l *messages.Lookup) *messages.Found {
		if l.Words[0] == "large" {
			a := found("x")
			for range search.Limit {
				a.Search.Packages[0].Depends = append(a.Search.Packages[0].Depends, randomText(100_000))
			}
			return a
		}
		return found("bash")
	})
	r := newRaw(t, f, "web1")
	words, _ := json.Marshal(strings.Fields(strings.Repeat("x ", 101)))
	for _, text := range []string{
		"", "x", "[]", `{"schema":1}`, `{"schema":1,"id":"a.b"}`, `{"schema":1,"id":">"}`, `{"schema":1,"id":"` + strings.Repeat("a", 65) + `"}`,
		`{"schema":1,"id":"big","kind":"search","words":["` + strings.Repeat("x", 20_000) + `"],"limit":1}`, strings.Repeat("[", 10_000),
	} {
		r.send(text)
	}
	refused := map[string]string{
		"kind":   `{"schema":1,"id":"kind","kind":"explicit","words":["x"]}`,
		"none":   `{"schema":1,"id":"none","kind":"info"}`,
		"empty":  `{"schema":1,"id":"empty","kind":"info","words":[""]}`,
		"words":  `{"schema":1,"id":"words","kind":"info","words":` + string(words) + `}`,
		"limit":  `{"schema":1,"id":"limit","kind":"search","words":["x"],"limit":1001}`,
		"minus":  `{"schema":1,"id":"minus","kind":"search","words":["x"],"limit":-1}`,
		"state":  `{"schema":1,"id":"state","kind":"search","words":["not:is:installed"],"limit":1}`,
		"answer": `{"schema":1,"id":"answer","kind":"search","words":["large"],"limit":1}`,
	}
	for _, text := range refused {
		r.send(text)
	}
	for range len(refused) {
		a, id := r.next()
		require.Contains(t, refused, id)
		require.Equal(t, messages.FoundRefused, a.State, id)
		require.NotEmpty(t, a.Problem, id)
		delete(refused, id)
	}
	r.lookUp("last")
	a, id := r.next()
	require.Equal(t, "last", id)
	require.Equal(t, messages.FoundAnswered, a.State)
}

func randomText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('!' + rand.N(90))
	}
	return string(b)
}

// TestNode_Flood checks that a host that sends more lookups than a node answers is told so at once, and does not take the place of others.
func TestNode_Flood(t *testing.T) {
	f := newFleet(t)
	release := make(chan bool)
	startNode(t, f, f.Servers[0], "node1", func(*messages.Lookup) *messages.Found {
		<-release
		return found("bash")
	})
	thief, other := newRaw(t, f, "web1"), newRaw(t, f, "web2")
	const all, most = 200, 8
	for i := range all {
		thief.lookUp(fmt.Sprint(i))
	}
	for range all - most {
		a, _ := thief.next()
		require.Equal(t, messages.FoundBusy, a.State)
	}
	other.lookUp("1")
	require.NoError(t, other.conn.Flush())
	close(release)
	a, _ := other.next()
	require.Equal(t, messages.FoundAnswered, a.State)
	for range most {
		a, _ := thief.next()
		require.Equal(t, messages.FoundAnswered, a.State)
	}
}
