// Package mirror tests how omgd counts updates with downloaded databases, from a mirror that has newer databases than
// this machine, that misbehaves, or that cannot be reached.
package mirror
