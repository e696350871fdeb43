// Package archtest holds the repository to its own rules: who may import what, what the README promises, and how files and
// packages are kept. It has tests only.
package archtest
