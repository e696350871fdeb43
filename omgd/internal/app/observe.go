package app

import (
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/health"
	"github.com/omg-arch/omg/omgd/internal/metrics"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// observe counts what the daemon does.
func (d *daemon) observe() *metrics.Metrics {
	return metrics.New(version.String(), metrics.Sources{
		Connections: func() int { return d.server.Connections() },
		Caches: func() map[string]metrics.Cache {
			all := make(map[string]metrics.Cache)
			for name, c := range d.service.CacheUses() {
				all[name] = metrics.Cache{Hits: c.Hits, Misses: c.Misses}
			}
			return all
		},
		Memory: d.memoryUse,
		Status: d.current,
	})
}

// memoryUse is bytes by component.
func (d *daemon) memoryUse() map[string]uint64 {
	_, objects := heap()
	use := map[string]uint64{"heap": objects, "store": d.memory.store.Memory()}
	for _, c := range d.service.CacheUses() {
		use["caches"] += c.Bytes
	}
	if st, _ := d.holder.Acquire(); st != nil {
		for _, x := range st.Indexes() {
			use["index_map"] += uint64(x.Size())
		}
		st.Release()
	}
	return use
}

// current is the status now, false while there is none.
func (d *daemon) current() (*wire.StatusResult, bool) {
	st, _ := d.holder.Acquire()
	if st == nil {
		return nil, false
	}
	defer st.Release()
	data := st.Data
	data.At = d.holder.Checked.Load()
	data.Parts = append(append([]wire.Part(nil), data.Parts...), d.parts()...)
	var r wire.StatusResult
	err := data.Status(func(b []byte, _ bool) error { return msgpack.Unmarshal(b, &r) })
	return &r, err == nil
}

// wellness judges the daemon's parts.
func (d *daemon) wellness(m *health.Monitor) wire.HealthResult {
	in := health.Input{Interval: d.worker.Every(), LibAlpm: d.worker.LibAlpm()}
	if c := d.config.AUR; c.Enabled {
		in.Asked = append(in.Asked, wire.SourceAUR)
	}
	if c := d.config.Tracker; c.Enabled {
		in.Asked = append(in.Asked, wire.SourceTracker)
	}
	if st, ok := d.current(); ok {
		in.Status = st
	} else if st, why := d.holder.Acquire(); st != nil {
		st.Release()
	} else {
		in.Why = why
	}
	return m.Look(in, time.Now())
}
