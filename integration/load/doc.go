// Package load sends requests to omgd on many connections while all its data changes. It has a long form: see OMG_SOAK
// in CONTRIBUTING.md.
package load
