package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// After a load peak, omgd returns memory to the system, because an idle daemon should be small. The Go
// runtime alone would take minutes for that, and would not return all of the unused memory.
const (
	scavengeInterval   = 10 * time.Second
	maxIdleConnections = 16      // omgd is idle while no more connections than this are open
	minReclaim         = 8 << 20 // bytes by which the heap must have grown since memory was last returned
)

// scavenge returns memory to the system when the daemon is idle and its heap has grown.
func (d *daemon) scavenge(ctx context.Context) {
	tick := time.NewTicker(scavengeInterval)
	defer tick.Stop()
	needed := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if held, _ := heapSize(); d.server.Connections() <= maxIdleConnections && held > needed+minReclaim {
			debug.FreeOSMemory()
			_, needed = heapSize()
			d.log.Debug("memory returned", "held", held, "needed", needed)
		}
	}
}

// heapSize returns the size of the heap (held), and how much of it contains objects (objects), in bytes. Objects
// are counted until they are collected.
func heapSize() (held, objects uint64) {
	s := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	for _, sample := range s {
		held += sample.Value.Uint64()
	}
	return held, s[0].Value.Uint64()
}
