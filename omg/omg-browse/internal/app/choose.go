package app

import (
	"context"
	"fmt"

	"github.com/omg-arch/omg/omg/internal/flags"
	"github.com/omg-arch/omg/omg/omg-browse/internal/choice"
)

// helper returns the program that builds packages of the AUR: that of the flag, or that of the configuration.
func (s *settings) helper(own *flags.Browse) string {
	if own.Helper != "" {
		return own.Helper
	}
	return s.Browse.Helper
}

// copy copies the names of the chosen packages to the clipboard or, while commands are shown, the commands.
func (u *ui) copy() {
	text, copied := u.clipboard()
	if text == "" {
		u.b.Message = "there is nothing to copy"
		return
	}
	if err := choice.CheckClipboard(text); err != nil {
		u.b.Message = err.Error()
		return
	}
	u.screen.Copy(text)
	u.b.Message = copied
}

// clipboard returns what copy copies, and a message about it.
func (u *ui) clipboard() (text, message string) {
	if u.b.Command != nil {
		return choice.JoinCommands(u.commands), "copied the command"
	}
	text, count := choice.Names(u.b.Choices())
	if count == 1 {
		return text, "copied " + text
	}
	return text, fmt.Sprintf("copied %d names", count)
}

// openPage opens the page of the selected package.
func (u *ui) openPage(ctx context.Context) {
	selected, ok := u.b.Selected()
	if !ok {
		return
	}
	if err := u.pages.Open(ctx, selected); err != nil {
		u.b.Message = err.Error()
	}
}

// showCommand shows the commands for the chosen packages.
func (u *ui) showCommand() {
	choices := u.b.Choices()
	if len(choices) == 0 {
		u.b.Message = "no package is selected"
		return
	}
	commands, leftOut := choice.Commands(choices, u.helper)
	u.commands = commands
	u.b.ShowCommand(choice.CommandText(commands, leftOut))
}
