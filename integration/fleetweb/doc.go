// Package fleetweb checks the pages of omg-fleet web in a real browser: what people see and do, and that no text of a host becomes code.
package fleetweb
