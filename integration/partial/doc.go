// Package partial tests that one bad source affects no other source: answers from other sources stay as before, and
// answers that the bad source could change are marked.
package partial
