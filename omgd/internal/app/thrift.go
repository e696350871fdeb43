package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// What a crowd needed is given back when it has gone. The runtime does so too, in
// minutes and not all of it; a daemon is to be small while nobody asks.
const (
	thriftInterval = 10 * time.Second
	crowd          = 16      // connections
	thriftAbove    = 8 << 20 // bytes of heap more than were needed the last time
)

// thrift gives memory back to the system when few are connected and much of it
// may be unused.
func (d *daemon) thrift(ctx context.Context) {
	tick := time.NewTicker(thriftInterval)
	defer tick.Stop()
	needed := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if held, _ := heap(); d.server.Connections() <= crowd && held > needed+thriftAbove {
			debug.FreeOSMemory()
			_, needed = heap()
			d.log.Debug("gave memory back", "held", held, "needed", needed)
		}
	}
}

// heap is how many bytes of the heap are held from the system, and how many of
// them hold objects, dead or alive.
func heap() (held, objects uint64) {
	s := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	for _, one := range s {
		held += one.Value.Uint64()
	}
	return held, s[0].Value.Uint64()
}
