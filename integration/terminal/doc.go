// Package terminal runs omg on pseudo-terminals and checks its output there and in pipes, with colour and without, at
// any width.
package terminal
