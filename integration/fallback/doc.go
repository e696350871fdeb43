// Package fallback tests what omg does when its daemon fails.
package fallback
