package config

import (
	"fmt"
	"reflect"
	"strings"
)

// levelsSection is the section whose settings are named for findings.
const levelsSection = "aur.levels."

// defaultLevels returns the level "default" for each finding.
func defaultLevels() (l Levels) {
	v := reflect.ValueOf(&l).Elem()
	for i := range v.NumField() {
		v.Field(i).SetString("default")
	}
	return l
}

// ByReason returns the name of the level of each finding, by the name of the finding.
func (l Levels) ByReason() map[string]string {
	levels := map[string]string{}
	v := reflect.ValueOf(l)
	for i := range v.NumField() {
		levels[v.Type().Field(i).Tag.Get("toml")] = v.Field(i).String()
	}
	return levels
}

// checkLevelName returns an error if an unknown setting is one of the section of levels. A level that has no effect could hide what the user wants
// to see, so it is not only a warning like other unknown settings.
func checkLevelName(name string) error {
	if reason, is := strings.CutPrefix(name, levelsSection); is {
		return fmt.Errorf("%s: there is no finding %q: docs/journal.md lists the findings", name, reason)
	}
	return nil
}
