// Package load asks omgd from many connections while everything under it
// changes. It has a long form: see OMG_SOAK in CONTRIBUTING.md.
package load
