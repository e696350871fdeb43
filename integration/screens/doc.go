// Package screens checks what a user sees in a terminal: it runs each command of omg in tmux, on the demo system, and compares the screens
// with the captures in testdata, one file for each command. `make captures` records them. A new command needs a line in captures.
//
// In a capture, \e stands for the escape character, so that the command printf '%b' shows it with its colours.
package screens
