// Package index tests which files omg-index writes, their content, and that each build writes the same bytes.
package index
