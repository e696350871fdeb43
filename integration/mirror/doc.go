// Package mirror shows omgd count updates by databases of its own: from a mirror
// that has newer ones than this machine, that misbehaves, and that is gone.
package mirror
