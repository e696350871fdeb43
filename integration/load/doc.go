// Package load sends requests to omgd on many connections while all its data changes. Its tests run longer if OMG_SOAK
// is set: see CONTRIBUTING.md.
package load
