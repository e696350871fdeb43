// Package badinput gives the real programs every kind of bad input and checks that they print one clear line, exit with
// the right code, and lose nothing. It has tests only.
package badinput
