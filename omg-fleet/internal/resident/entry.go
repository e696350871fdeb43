package resident

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/termtext"
)

// Limits of what is kept of one host. With those of the fleet, they bound the memory that hostile hosts can make the program use.
const (
	maxHostPackages = 20_000    // the repositories of Arch have 15,000 packages together
	maxName         = 255       // bytes of a name or version
	maxState        = 1 << 20   // bytes of the state without packages, as JSON
	maxPacked       = 256 << 10 // and compressed
	maxParts        = 16
	maxWhy          = 1000 // bytes of the reason for the state of a part
)

// Entry is what is kept of the document of a host. See Read.
type Entry struct {
	err      error
	summary  *inventory.Inventory // without the lists, which packed has
	packed   []byte
	packages []namedVersion // share memory with the document until Put has copied them
}

type namedVersion struct{ name, version string }

// Read returns a reader for the document of a host, and a function that returns what is kept of the inventory. It is an inventories.Ask.
func Read() (*inventory.Reader, func(*inventory.Inventory) *Entry) {
	e := &Entry{}
	r := &inventory.Reader{OnlyNames: true, VisitPackage: func(p *inventory.HostPackage) error {
		switch {
		case len(p.Name) > maxName || len(p.Version) > maxName:
			return fmt.Errorf("the name or the version of a package is longer than %d bytes", maxName)
		case len(e.packages) == maxHostPackages:
			return fmt.Errorf("it has more than %d packages", maxHostPackages)
		}
		e.packages = append(e.packages, namedVersion{p.Name, p.Version})
		return nil
	}}
	return r, func(v *inventory.Inventory) *Entry {
		if e.summary = summarize(v); e.summary == nil {
			e.err = fmt.Errorf("it has more than %d parts", maxParts)
			return e
		}
		e.packed, e.err = pack(v)
		return e
	}
}

// summarize returns a copy of an inventory without its long lists, or nil if a short list is too long. The copy does not keep the document
// in memory.
func summarize(v *inventory.Inventory) *inventory.Inventory {
	if len(v.Parts) > maxParts || len(v.PartialCounts) > maxParts {
		return nil
	}
	s := &inventory.Inventory{
		Schema: v.Schema, Host: shorten(v.Host, maxName), Identity: strings.Clone(v.Identity), At: v.At, OmgVersion: shorten(v.OmgVersion, maxName),
		Daemon: v.Daemon, Counts: v.Counts, Kernel: shorten(v.Kernel, maxName), RebootNeeded: v.RebootNeeded,
	}
	for _, p := range v.Parts {
		s.Parts = append(s.Parts, inventory.Part{
			Name: inventory.PartName(shorten(string(p.Name), maxName)), State: inventory.PartState(shorten(string(p.State), maxName)), Why: shorten(p.Why, maxWhy),
		})
	}
	for _, name := range v.PartialCounts {
		s.PartialCounts = append(s.PartialCounts, shorten(name, maxName))
	}
	return s
}

// shorten returns a copy of a text, cut after a number of bytes.
func shorten(text string, limit int) string { return strings.Clone(termtext.Shorten(text, limit)) }

// Compressed, the states of 10,000 hosts need 30 MB instead of 200 MB. Both values may be used by several goroutines.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(128<<10))
		if err != nil {
			panic(err) // only wrong options are an error
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxState), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic(err)
		}
		return d
	})
)

// pack returns the state of a host without its packages, compressed.
func pack(v *inventory.Inventory) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(text) > maxState {
		return nil, fmt.Errorf("its state is longer than %d kB", maxState>>10)
	}
	packed := encoder().EncodeAll(text, nil)
	if len(packed) > maxPacked {
		return nil, fmt.Errorf("its state is longer than %d kB, compressed", maxPacked>>10)
	}
	return packed[:len(packed):len(packed)], nil
}

// unpack returns the state that pack has compressed.
func unpack(packed []byte) (*inventory.Inventory, error) {
	text, err := decoder().DecodeAll(packed, nil)
	if err != nil {
		return nil, err
	}
	v := &inventory.Inventory{}
	return v, json.Unmarshal(text, v)
}
