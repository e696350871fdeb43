package aurlevel

// LevelOff is the level of findings that are not wanted.
const LevelOff Level = 0

// Levels holds other levels than the usual ones, by reason.
type Levels map[Reason]Level

// ParseLevels returns the levels for names of levels by reasons. The names are those of the settings: act, look, note and off. Any other
// name, such as default, keeps the usual level.
func ParseLevels(names map[string]string) Levels {
	levels := Levels{}
	for reason, name := range names {
		switch name {
		case "act":
			levels[Reason(reason)] = LevelAct
		case "look":
			levels[Reason(reason)] = LevelLook
		case "note":
			levels[Reason(reason)] = LevelNote
		case "off":
			levels[Reason(reason)] = LevelOff
		}
	}
	return levels
}

// Apply gives findings the levels of their reasons, leaves out those that are off, and sorts the others again.
func (l Levels) Apply(found []Finding) []Finding {
	if len(l) == 0 {
		return found
	}
	kept := found[:0]
	for _, f := range found {
		if level, has := l[f.Reason]; has {
			f.Level = level
		}
		if f.Level != LevelOff {
			kept = append(kept, f)
		}
	}
	Sort(kept)
	return kept
}
