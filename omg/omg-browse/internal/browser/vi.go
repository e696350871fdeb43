package browser

// The actions that change between the modes of the vi keys.
const (
	ActionNormal      Action = "normal-mode"
	ActionInsert      Action = "insert"
	ActionAppend      Action = "append"
	ActionInsertEnd   Action = "insert-at-end"
	ActionInsertStart Action = "insert-at-start"
	ActionChange      Action = "change"
)

// modeBindings returns the actions that only the vi keys have.
func modeBindings() []Binding {
	return []Binding{
		{ActionNormal, []string{"esc"}, "normal mode, in which characters are keys"},
		{ActionInsert, []string{"i"}, "type before the cursor"},
		{ActionAppend, []string{"a"}, "type after the cursor"},
		{ActionInsertEnd, []string{"/", "A"}, "type at the end"},
		{ActionInsertStart, []string{"I"}, "type at the start"},
		{ActionChange, []string{"S"}, "delete the input and type"},
	}
}

// normalBindings returns the further keys that actions have in normal mode.
func normalBindings() []Binding {
	return []Binding{
		{Action: ActionDown, Keys: []string{"j"}},
		{Action: ActionUp, Keys: []string{"k"}},
		{Action: ActionPageDown, Keys: []string{"ctrl-f"}},
		{Action: ActionPageUp, Keys: []string{"ctrl-b"}},
		{Action: ActionHalfDown, Keys: []string{"ctrl-d"}},
		{Action: ActionHalfUp, Keys: []string{"ctrl-u"}},
		{Action: ActionFirst, Keys: []string{"gg"}},
		{Action: ActionLast, Keys: []string{"G"}},
		{Action: ActionMark, Keys: []string{"space"}},
		{Action: ActionUnmarkAll, Keys: []string{"u"}},
		{Action: ActionAbort, Keys: []string{"q"}},
		{Action: ActionCopy, Keys: []string{"y"}},
		{Action: ActionOpen, Keys: []string{"o"}},
		{Action: ActionCommand, Keys: []string{"x"}},
		{Action: ActionView1, Keys: []string{"1"}},
		{Action: ActionView2, Keys: []string{"2"}},
		{Action: ActionView3, Keys: []string{"3"}},
		{Action: ActionView4, Keys: []string{"4"}},
		{Action: ActionView5, Keys: []string{"5"}},
		{Action: ActionView6, Keys: []string{"6"}},
		{Action: ActionView7, Keys: []string{"7"}},
		{Action: ActionSort, Keys: []string{"s"}},
		{Action: ActionPreview, Keys: []string{"p"}},
		{Action: ActionNextTab, Keys: []string{"l"}},
		{Action: ActionPreviousTab, Keys: []string{"h"}},
		{Action: ActionPreviewDown, Keys: []string{"J"}},
		{Action: ActionPreviewUp, Keys: []string{"K"}},
		{Action: ActionFollow, Keys: []string{"gd"}},
		{Action: ActionBack, Keys: []string{"ctrl-t"}},
		{Action: ActionHelp, Keys: []string{"?"}},
	}
}

// doVi changes the mode.
func (b *Browser) doVi(a Action) {
	switch a {
	case ActionNormal:
		if !b.Normal {
			b.Input.Left() // as vi does
		}
		b.Normal = true
		return
	case ActionAppend:
		b.Input.Right()
	case ActionInsertEnd:
		b.Input.End()
	case ActionInsertStart:
		b.Input.Home()
	case ActionChange:
		b.edit(func() { b.Input.Set("") })
	}
	b.Normal = false
}

// modeName returns the name of the mode; empty without vi keys.
func (b *Browser) modeName() string {
	switch {
	case b.Keys.normal == nil:
		return ""
	case b.Normal:
		return "NORMAL"
	}
	return "INSERT"
}
