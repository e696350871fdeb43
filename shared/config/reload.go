package config

import "reflect"

// ApplyReloadable compares c with the new configuration next. For each setting whose value differs, it checks whether a
// running daemon can apply the change. If so, ApplyReloadable copies the new value to c and returns the key in applied.
// Otherwise it leaves c unchanged and returns the key in needRestart.
func (c *Config) ApplyReloadable(next *Config) (applied, needRestart []string) {
	for _, k := range keys() {
		to, value := k.valueIn(c), k.valueIn(next)
		if reflect.DeepEqual(to.Interface(), value.Interface()) || to.Kind() == reflect.Slice && to.Len()+value.Len() == 0 {
			continue
		}
		if !k.reloads() {
			needRestart = append(needRestart, k.name)
			continue
		}
		to.Set(value)
		applied = append(applied, k.name)
	}
	return applied, needRestart
}
