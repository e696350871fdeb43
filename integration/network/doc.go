// Package network asks omgd while the servers that it asks misbehave.
package network
