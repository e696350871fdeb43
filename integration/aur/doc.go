// Package aur tests the AUR in the programs' answers, from its own index beside those of the repositories, through the
// daemon and without one.
package aur
