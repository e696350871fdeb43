// Package partial tests that one bad source affects nothing else: all others answer as before, and what the bad one
// could change is marked.
package partial
