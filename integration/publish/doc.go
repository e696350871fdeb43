// Package publish tests machines that pull indexes from a published directory, through nginx as the origin and as caches.
package publish
