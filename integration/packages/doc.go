// Package packages tests how omg is delivered: the release tarball, make install, and the packages for pacman. It has
// tests only.
package packages
