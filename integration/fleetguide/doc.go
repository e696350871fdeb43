// Package fleetguide runs docs/fleet-guide.md on machines in namespaces.
package fleetguide
