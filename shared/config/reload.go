package config

import "reflect"

// ApplyReloadable compares c with the configuration from. If the values of a setting differ and a running daemon can change
// the setting, it copies the value to c and adds the key to the result taken. If a change needs a restart, it adds the key
// to the result left.
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
