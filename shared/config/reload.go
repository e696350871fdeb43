package config

import "reflect"

// ApplyReloadable copies those values that differ and that a running daemon can change. It returns the names of the keys it
// copied, and of those that differ but need a restart.
func (c *Config) ApplyReloadable(from *Config) (taken, left []string) {
	for _, k := range keys() {
		to, value := k.in(c), k.in(from)
		if reflect.DeepEqual(to.Interface(), value.Interface()) || to.Kind() == reflect.Slice && to.Len()+value.Len() == 0 {
			continue
		}
		if !k.reloads() {
			left = append(left, k.name)
			continue
		}
		to.Set(value)
		taken = append(taken, k.name)
	}
	return taken, left
}
