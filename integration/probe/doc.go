// Package probe runs the built omg-probe as prompts and bars do: in real shells, under strace, and in prepared
// directories.
package probe
