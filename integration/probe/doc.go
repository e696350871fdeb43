// Package probe drives the built omg-probe as prompts and bars do: in real
// shells, under strace, and in directories that someone has prepared.
package probe
