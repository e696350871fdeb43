// Package index tests what omg-index writes, where, and that it is the same every time.
package index
