// Package network tests omgd while the servers that it asks misbehave.
package network
