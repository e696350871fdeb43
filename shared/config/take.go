package config

import "reflect"

// Take takes over from another configuration the keys that differ and that a daemon
// can change while it runs. It returns their names, and those of the others that
// differ, for which it must be started again.
func (c *Config) Take(from *Config) (taken, left []string) {
	for _, k := range keys {
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
