package simulation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/omg-arch/omg/omg-fleet/internal/agent"
	"github.com/omg-arch/omg/omg-fleet/internal/inventories"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/hostinventory"
	"github.com/omg-arch/omg/shared/inventory"
)

// maxVariants is the number of different lists of packages that the hosts of a large fleet have. Otherwise making them would take longer than all
// else. The name and the identity of each host are in a part that is compressed for itself, so that all messages differ.
const maxVariants = 200

// packagesOfHost is the number of packages of each simulated host.
const packagesOfHost = 1200

// startPause is the time between the starts of two simulated hosts, which is about the time that a cluster needs for what a host publishes first. The
// servers drop what they cannot buffer, and hosts wait before they publish again.
const startPause = 5 * time.Millisecond

// variant is the part of an inventory that several hosts have, with its answers. A real host computes its answer itself, at the same time as the
// others. Here one processor would compute them all.
type variant struct {
	short, rest []byte // of the short document and of the document, compressed
	mu          sync.Mutex
	answers     map[string]*question.Answer // by question
}

func hostName(i int) string { return fmt.Sprintf("host%05d", i) }

// makeVariants makes inventories like those of omg-inventories.
func makeVariants(n, packages int) ([]*variant, error) {
	dir, err := os.MkdirTemp("", "omg-simulation-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := fixture.WriteInventories(dir, fixture.InventoryOptions{Hosts: n, Packages: packages, Seed: 1, At: time.Now().Unix()}); err != nil {
		return nil, err
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	e, err := hostinventory.NewEncoder()
	if err != nil {
		return nil, err
	}
	defer e.Close()
	all := make([]*variant, n)
	for i := range all {
		content, err := os.ReadFile(filepath.Join(dir, hostName(i)+".json.zst"))
		if err != nil {
			return nil, err
		}
		short, document, err := hostinventory.Split(content)
		if err != nil {
			return nil, err
		}
		all[i] = &variant{answers: map[string]*question.Answer{}}
		for into, data := range map[*[]byte][]byte{&all[i].short: short, &all[i].rest: document} {
			text, err := d.DecodeAll(data, nil)
			if err != nil {
				return nil, err
			}
			rest, found := bytes.CutPrefix(text, head(i))
			if !found {
				return nil, fmt.Errorf("the inventory begins with %.100q", text)
			}
			*into = e.EncodeAll(rest, nil)
		}
	}
	return all, nil
}

// head is the part of an inventory that no other host has.
func head(i int) []byte {
	return fmt.Appendf(nil, `{"schema":1,"host":%q,"identity":"%032x"`, hostName(i), i)
}

// simulatedHost is a host whose inventory stays the same.
type simulatedHost struct {
	i int
	v *variant
}

func (h *simulatedHost) Follow(ctx context.Context, changed func()) {
	changed()
	<-ctx.Done()
}

func (h *simulatedHost) Latest() *agent.Inventory {
	own := encoder().EncodeAll(head(h.i), nil)
	compressed := hostinventory.Join(append(own[:len(own):len(own)], h.v.short...), append(own[:len(own):len(own)], h.v.rest...))
	return &agent.Inventory{Compressed: compressed, Digest: sha256.Sum256(head(h.i))}
}

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

func (h *simulatedHost) Confirmed() (time.Time, string) { return time.Now(), "" }

func (h *simulatedHost) Ask(s *question.Spec) (*question.Answer, error) {
	key, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	h.v.mu.Lock()
	defer h.v.mu.Unlock()
	answer := h.v.answers[string(key)]
	if answer == nil {
		if answer, err = readAnswer(s, h.Latest().Compressed); err != nil {
			return nil, err
		}
		h.v.answers[string(key)] = answer
	}
	own := *answer
	own.Reported, own.Identity, own.At = hostName(h.i), fmt.Sprintf("%032x", h.i), time.Now().Unix()
	return &own, nil
}

// readAnswer answers a question from a compressed inventory, as a real host does.
func readAnswer(s *question.Spec, compressed []byte) (*question.Answer, error) {
	q, err := s.Question()
	if err != nil {
		return nil, err
	}
	r, finish := q.Ask()
	var d inventories.Decoder
	defer d.Close()
	v, err := d.Read(compressed, r)
	if err != nil {
		return nil, err
	}
	return finish(v), nil
}

// simulateHosts runs hosts until the process is killed.
func simulateHosts(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("hosts", flag.ContinueOnError)
	servers := flags.String("servers", "", "")
	hosts := flags.Int("hosts", 100, "")
	interval := flags.Duration("interval", 5*time.Minute, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	variants, err := makeVariants(min(*hosts, maxVariants), packagesOfHost)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	ended := make(chan error, *hosts)
	urls := strings.Split(*servers, ",")
	for i := range *hosts {
		o := agent.Options{
			Host: hostName(i), Source: &simulatedHost{i, variants[i%len(variants)]}, Interval: *interval, Log: slog.New(slog.DiscardHandler),
			Link: link.Options{Server: strings.Join(append(urls[i%len(urls):len(urls):len(urls)], urls[:i%len(urls)]...), ",")},
		}
		go func() { ended <- agent.Run(ctx, o) }()
		time.Sleep(startPause)
	}
	return <-ended
}

// changingHost is a host with one package, whose version is a number that the test increases.
type changingHost struct {
	name      string
	startedAt time.Time
	mu        sync.Mutex
	version   int
	changed   func()
	latest    *agent.Inventory // of the version, once it is needed; each compression takes a new encoder, which needs much memory
}

// probePackage is the name of the package.
const probePackage = "probe"

func (h *changingHost) Follow(ctx context.Context, changed func()) {
	h.mu.Lock()
	h.changed = changed
	h.mu.Unlock()
	changed()
	<-ctx.Done()
}

// change increases the version.
func (h *changingHost) change() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.version++
	h.latest = nil
	if h.changed != nil {
		h.changed()
	}
}

func (h *changingHost) Latest() *agent.Inventory {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.latest == nil {
		v, document := h.inventory()
		compressed, err := hostinventory.Compress(v, document)
		if err != nil {
			panic(err)
		}
		h.latest = &agent.Inventory{Compressed: compressed, Digest: sha256.Sum256(document)}
	}
	return h.latest
}

// inventory returns the inventory and its document. Its time stays the same. h.mu must be locked.
func (h *changingHost) inventory() (*inventory.Inventory, []byte) {
	v := &inventory.Inventory{
		Schema: inventory.Schema, Host: h.name, At: h.startedAt.Unix(), Parts: []inventory.Part{{Name: inventory.PartPackages, State: inventory.PartOK}},
		Packages: []inventory.HostPackage{{Name: probePackage, Version: fmt.Sprint(h.version)}},
	}
	document, err := inventory.Encode(v)
	if err != nil {
		panic(err)
	}
	return v, document
}

func (h *changingHost) Confirmed() (time.Time, string) { return time.Now(), "" }

func (h *changingHost) Ask(s *question.Spec) (*question.Answer, error) {
	q, err := s.Question()
	if err != nil {
		return nil, err
	}
	r, finish := q.Ask()
	h.mu.Lock()
	_, document := h.inventory()
	h.mu.Unlock()
	v, err := r.Read(document)
	if err != nil {
		return nil, err
	}
	answer := finish(v)
	answer.At = time.Now().Unix() // the inventory is still right, however long ago it was made
	return answer, nil
}
