// Package badinput gives the real programs everything that can be wrong, and holds them to what they promise then: one
// clear line, the right exit code, and nothing lost. It has tests only.
package badinput
