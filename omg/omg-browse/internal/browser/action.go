package browser

// Action is what a key does. Its text is the name of the action in the configuration.
type Action string

// The actions.
const (
	ActionDown         Action = "down"
	ActionUp           Action = "up"
	ActionPageDown     Action = "page-down"
	ActionPageUp       Action = "page-up"
	ActionHalfDown     Action = "half-page-down"
	ActionHalfUp       Action = "half-page-up"
	ActionFirst        Action = "first"
	ActionLast         Action = "last"
	ActionMark         Action = "mark"
	ActionMarkUp       Action = "mark-up"
	ActionUnmarkAll    Action = "unmark-all"
	ActionAccept       Action = "accept"
	ActionAbort        Action = "abort"
	ActionCopy         Action = "copy"
	ActionOpen         Action = "open-page"
	ActionCommand      Action = "command"
	ActionHelp         Action = "help"
	ActionSuspend      Action = "suspend"
	ActionRedraw       Action = "redraw"
	ActionView1        Action = "view-1"
	ActionView2        Action = "view-2"
	ActionView3        Action = "view-3"
	ActionView4        Action = "view-4"
	ActionView5        Action = "view-5"
	ActionView6        Action = "view-6"
	ActionView7        Action = "view-7"
	ActionSort         Action = "sort"
	ActionFilterAUR    Action = "filter-aur"
	ActionFilterRepo   Action = "filter-repository"
	ActionFilterInst   Action = "filter-installed"
	ActionFilterExpl   Action = "filter-explicit"
	ActionPreview      Action = "preview"
	ActionNextTab      Action = "next-tab"
	ActionPreviousTab  Action = "previous-tab"
	ActionBuildFiles   Action = "build-files"
	ActionPreviewDown  Action = "preview-down"
	ActionPreviewUp    Action = "preview-up"
	ActionPreviewPgDn  Action = "preview-page-down"
	ActionPreviewPgUp  Action = "preview-page-up"
	ActionFollow       Action = "follow"
	ActionBack         Action = "back"
	ActionLeft         Action = "cursor-left"
	ActionRight        Action = "cursor-right"
	ActionHome         Action = "cursor-home"
	ActionEnd          Action = "cursor-end"
	ActionDeleteLeft   Action = "delete-left"
	ActionDeleteRight  Action = "delete-right"
	ActionDeleteWord   Action = "delete-word"
	ActionDeleteBefore Action = "delete-before"
	ActionDeleteAfter  Action = "delete-after"
)

// Binding is an action with its default keys and its description in the help.
type Binding struct {
	Action Action
	Keys   []string
	Help   string
}

// Bindings returns all actions in the order of the help.
func Bindings() []Binding {
	return []Binding{
		{ActionDown, []string{"down", "ctrl-n"}, "next package"},
		{ActionUp, []string{"up", "ctrl-p"}, "previous package"},
		{ActionPageDown, []string{"pgdn"}, "next page"},
		{ActionPageUp, []string{"pgup"}, "previous page"},
		{ActionHalfDown, nil, "half a page down"},
		{ActionHalfUp, nil, "half a page up"},
		{ActionFirst, []string{"ctrl-home"}, "first package"},
		{ActionLast, []string{"ctrl-end"}, "last package"},
		{ActionMark, []string{"tab"}, "mark the package, or remove its mark, and go to the next"},
		{ActionMarkUp, []string{"shift-tab"}, "mark the package, or remove its mark, and go to the previous"},
		{ActionUnmarkAll, []string{"alt-u"}, "remove all marks"},
		{ActionAccept, []string{"enter"}, "print the names of the marked packages, or of this one, and end"},
		{ActionAbort, []string{"esc", "ctrl-c"}, "end without choosing"},
		{ActionCopy, []string{"ctrl-y"}, "copy the names to the clipboard"},
		{ActionOpen, []string{"ctrl-o"}, "open the package's page in a browser"},
		{ActionCommand, []string{"alt-x"}, "show the command that installs, upgrades or removes the packages"},
		{ActionView1, []string{"alt-1"}, "search"},
		{ActionView2, []string{"alt-2"}, "installed packages"},
		{ActionView3, []string{"alt-3"}, "updates"},
		{ActionView4, []string{"alt-4"}, "advisories"},
		{ActionView5, []string{"alt-5"}, "installed packages of the AUR"},
		{ActionView6, []string{"alt-6"}, "orphans"},
		{ActionView7, []string{"alt-7"}, "packages by their files"},
		{ActionSort, []string{"alt-s"}, "next sort order"},
		{ActionFilterAUR, []string{"alt-a"}, "with, without or only the AUR"},
		{ActionFilterRepo, []string{"alt-r"}, "next repository"},
		{ActionFilterInst, []string{"alt-i"}, "only installed packages"},
		{ActionFilterExpl, []string{"alt-e"}, "only explicitly installed packages"},
		{ActionPreview, []string{"alt-p"}, "show or hide the preview"},
		{ActionNextTab, []string{"alt-right"}, "next tab of the preview"},
		{ActionPreviousTab, []string{"alt-left"}, "previous tab of the preview"},
		{ActionBuildFiles, []string{"alt-b"}, "build files of a package of the AUR"},
		{ActionPreviewDown, []string{"shift-down", "alt-down"}, "scroll the preview down"},
		{ActionPreviewUp, []string{"shift-up", "alt-up"}, "scroll the preview up"},
		{ActionPreviewPgDn, []string{"shift-pgdn", "alt-pgdn"}, "scroll the preview down by a page"},
		{ActionPreviewPgUp, []string{"shift-pgup", "alt-pgup"}, "scroll the preview up by a page"},
		{ActionFollow, []string{"alt-g"}, "go to the package in the preview's line"},
		{ActionBack, []string{"alt-z"}, "go back"},
		{ActionLeft, []string{"left", "ctrl-b"}, "cursor left"},
		{ActionRight, []string{"right", "ctrl-f"}, "cursor right"},
		{ActionHome, []string{"home", "ctrl-a"}, "cursor to the start"},
		{ActionEnd, []string{"end", "ctrl-e"}, "cursor to the end"},
		{ActionDeleteLeft, []string{"backspace"}, "delete the character before the cursor"},
		{ActionDeleteRight, []string{"delete", "ctrl-d"}, "delete the character at the cursor"},
		{ActionDeleteWord, []string{"ctrl-w", "alt-backspace"}, "delete the word before the cursor"},
		{ActionDeleteBefore, []string{"ctrl-u"}, "delete everything before the cursor"},
		{ActionDeleteAfter, []string{"ctrl-k"}, "delete everything after the cursor"},
		{ActionHelp, []string{"f1"}, "show or hide this help"},
		{ActionSuspend, []string{"ctrl-z"}, "suspend: fg in the shell continues"},
		{ActionRedraw, []string{"ctrl-l"}, "draw the screen again"},
	}
}
