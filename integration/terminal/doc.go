// Package terminal runs omg on pseudo-terminals: what it shows there and what it
// prints into pipes, in colour or not, at any width.
package terminal
