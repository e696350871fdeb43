package browser

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The sets of keys that the configuration knows.
const (
	KeysDefault = "default"
	KeysVi      = "vi"
)

// KeyMap says which action each key has. A key that has none types its character, if it has one.
type KeyMap struct {
	insert map[string]Action
	// normal has the keys of vi's normal mode, in which characters are not typed; nil without vi keys.
	normal map[string]Action
	// keys holds the keys of each action, the most usual one first.
	keys map[Action][]string
}

// BindError is an error in the keys of an action.
type BindError struct {
	Action string
	Err    error
}

func (e *BindError) Error() string { return e.Action + ": " + e.Err.Error() }

func (e *BindError) Unwrap() error { return e.Err }

// NewKeyMap returns a set of keys, in which the actions that are in bind have other keys. A key that bind gives to an action is taken
// from the action that has it by default. The error is a BindError.
func NewKeyMap(set string, bind map[string][]string) (*KeyMap, error) {
	chosen, err := chosenKeys(set, bind)
	if err != nil {
		return nil, err
	}
	m := &KeyMap{insert: map[string]Action{}, keys: map[Action][]string{}}
	bindings := actions(set)
	normal := normalBindings()
	isChosen := func(b Binding) bool { _, is := bind[string(b.Action)]; return is }
	bindings, normal = slices.DeleteFunc(bindings, isChosen), slices.DeleteFunc(normal, isChosen)
	for key, action := range chosen {
		bindings = append(bindings, Binding{Action: action, Keys: []string{key}})
	}
	if set == KeysVi {
		m.normal = map[string]Action{}
	}
	for _, b := range bindings { // a later one replaces an earlier one
		for _, key := range b.Keys {
			m.add(key, b.Action)
		}
	}
	for _, b := range normal {
		for _, key := range b.Keys {
			if m.normal != nil && chosen[key] == "" {
				m.normal[key] = b.Action
			}
		}
	}
	m.list(bind)
	if len(m.keys[ActionAbort]) == 0 {
		return nil, &BindError{string(ActionAbort), errors.New("the action needs a key: otherwise nothing ends the browser")}
	}
	return m, nil
}

// chosenKeys returns the action that bind gives to each key.
func chosenKeys(set string, bind map[string][]string) (map[string]Action, error) {
	chosen := map[string]Action{}
	for _, name := range slices.Sorted(maps.Keys(bind)) {
		if err := checkAction(name, set); err != nil {
			return nil, &BindError{name, err}
		}
		for _, text := range bind[name] {
			key, err := parseBoundKey(text, set)
			if other := chosen[key]; err == nil && other != "" {
				err = fmt.Errorf("the key %s is already one of %s", text, other)
			}
			if err != nil {
				return nil, &BindError{name, err}
			}
			chosen[key] = Action(name)
		}
	}
	return chosen, nil
}

// checkAction returns an error unless a set of keys has an action of a name.
func checkAction(name, set string) error {
	has := func(b Binding) bool { return string(b.Action) == name }
	if slices.ContainsFunc(actions(set), has) {
		return nil
	}
	if slices.ContainsFunc(modeBindings(), has) {
		return fmt.Errorf("the action needs browse.keys = %q", KeysVi)
	}
	var names []string
	for _, b := range actions(set) {
		names = append(names, string(b.Action))
	}
	return fmt.Errorf("there is no action %q: the actions are %s", name, strings.Join(names, ", "))
}

// parseBoundKey returns the name of a key in the configuration. In vi's normal mode, a character and g with a character are keys as well.
func parseBoundKey(text, set string) (string, error) {
	if set == KeysVi && len(text) == 2 && text[0] == 'g' {
		return text, nil
	}
	key, err := parseKey(text)
	if err == nil && isTyped(key) && set != KeysVi {
		err = fmt.Errorf("the key %s types a character: add alt or ctrl", text)
	}
	return key, err
}

// actions returns all actions of a set of keys.
func actions(set string) []Binding {
	all := Bindings()
	if set == KeysVi {
		all = append(all, modeBindings()...)
	}
	return all
}

// add gives a key to an action. A key that types a character is one in normal mode only.
func (m *KeyMap) add(key string, a Action) {
	if !isTyped(key) {
		m.insert[key] = a
	}
	if m.normal != nil {
		m.normal[key] = a
	}
}

// list makes the lists of the keys of each action, in the order of the tables and of the configuration.
func (m *KeyMap) list(bind map[string][]string) {
	for _, b := range slices.Concat(Bindings(), modeBindings(), normalBindings()) {
		for _, text := range slices.Concat(bind[string(b.Action)], b.Keys) {
			key, _ := parseBoundKey(text, KeysVi)
			if (m.insert[key] == b.Action || m.normal[key] == b.Action) && !slices.Contains(m.keys[b.Action], key) {
				m.keys[b.Action] = append(m.keys[b.Action], key)
			}
		}
	}
}

// First returns the most usual key of an action; empty if it has none.
func (m *KeyMap) First(a Action) string {
	if len(m.keys[a]) == 0 {
		return ""
	}
	return m.keys[a][0]
}

// Press runs the action of a key, or types its text. In vi's normal mode, a text is a key, and g the first one of a pair.
func (b *Browser) Press(key, text string) Effect {
	if b.Normal {
		if text == " " {
			text = "space"
		}
		if text == "g" && !b.pair {
			b.pair = true
			return NoEffect
		}
		if b.pair && text != "" {
			text = "g" + text
		}
		b.pair = false
		return b.doHeld(b.Keys.normal[key+text])
	}
	if text == "" {
		return b.doHeld(b.Keys.insert[key])
	}
	b.Paste(text)
	return NoEffect
}

// doHeld runs an action, now or when the list that it acts on is there.
func (b *Browser) doHeld(a Action) Effect {
	if a == "" || b.hold(a, func() Effect { return b.Do(a) }) {
		return NoEffect
	}
	return b.Do(a)
}

// Paste inserts a text, after what the keys before it have done.
func (b *Browser) Paste(text string) {
	if !b.hold("", func() Effect { b.Type(text); return NoEffect }) {
		b.Type(text)
	}
}
