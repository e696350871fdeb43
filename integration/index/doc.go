// Package index drives omg-index: what it writes, where, and that it is the same
// every time.
package index
