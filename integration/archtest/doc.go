// Package archtest checks the repository's own rules: who may import what, what the README promises, and how files and
// packages are organized. It has tests only.
package archtest
