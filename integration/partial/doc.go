// Package partial tests that one bad source stays one bad source: all others answer
// as before, and what the bad one could change says so.
package partial
