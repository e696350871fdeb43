// Package fallback tests what omg does when the daemon that it asks fails.
package fallback
