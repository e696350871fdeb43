// Package probe runs the built omg-probe as prompts and bars do: in real shells, under strace, and in prepared
// directories. It also tests the script that prints the text of status bars.
package probe
