package app

import (
	"math"
	"runtime/debug"
	"strings"
	"time"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/service"
	"github.com/omg-arch/omg/shared/config"
)

// serverLimits returns the server's limits from the configuration.
func serverLimits(c config.Limits) server.Limits {
	return server.Limits{
		MaxConnections: c.MaxConnections, MaxInFlight: c.MaxInFlight,
		MaxUnsentPerConnection: int64(c.MaxUnsentPerConnection), MaxUnsent: int64(c.MaxUnsent), MaxReceiveBytes: int64(c.MaxReceiveBufferBytes),
		ReadTimeout: time.Duration(c.ReadTimeout), WriteTimeout: time.Duration(c.WriteTimeout), IdleTimeout: time.Duration(c.IdleTimeout),
		UnreadTimeout: time.Duration(c.UnreadTimeout),
	}
}

// cacheLimits returns the limits of the service's caches from the configuration.
func cacheLimits(c config.Config) service.CacheLimits {
	if c.Cache.MaxEntries == 0 || c.Memory.MaxCacheBytes == 0 {
		return service.CacheLimits{MaxEntries: -1}
	}
	return service.CacheLimits{MaxEntries: c.Cache.MaxEntries, MaxBytes: int64(c.Memory.MaxCacheBytes), TTL: time.Duration(c.Cache.TTL)}
}

// limitMemory sets the Go runtime's memory limit. If the configuration sets no limit, the limit in the
// environment variable GOMEMLIMIT applies.
func limitMemory(c config.Memory) {
	if c.Limit > 0 {
		debug.SetMemoryLimit(int64(c.Limit))
	}
}

// reload reads the configuration again. An invalid configuration changes nothing.
func (d *daemon) reload() {
	d.serviceManager.Reloading()
	defer func() { d.serviceManager.Ready(d.statusLine()) }()
	loaded, err := config.Load(d.env, d.isSystemWide)
	if err != nil {
		d.log.Error("configuration not reloaded", "err", err)
		return
	}
	for _, w := range loaded.Warnings {
		d.log.Warn("configuration", "err", w)
	}
	next := d.config
	applied, ignored := next.ApplyReloadable(&loaded.Config)
	if err := d.apply(next); err != nil {
		d.log.Error("configuration not reloaded", "err", err)
		return
	}
	d.config = next
	d.log.Info("configuration reloaded", "changed", strings.Join(applied, " "))
	if len(ignored) > 0 {
		d.log.Warn("restart omgd to apply the other changes", "keys", strings.Join(ignored, " "))
	}
}

// apply applies the configuration c to the running parts of the daemon.
func (d *daemon) apply(c config.Config) error {
	if d.gate != nil {
		if err := d.gate.SetConfig(c.Access, c.Limits.UserRate); err != nil {
			return err
		}
	}
	if c.Log.Level != d.config.Log.Level {
		if err := d.logging.SetLevel(c.Log.Level); err != nil {
			return err
		}
	}
	if c.Memory.Limit != d.config.Memory.Limit {
		if c.Memory.Limit == 0 {
			debug.SetMemoryLimit(math.MaxInt64)
		}
		limitMemory(c.Memory)
	}
	d.refresher.SetInterval(time.Duration(c.Refresh.Interval))
	return nil
}
