// Package mirror tests how omgd counts updates with downloaded databases: from a mirror that has newer ones than this
// machine, that misbehaves, and that is gone.
package mirror
