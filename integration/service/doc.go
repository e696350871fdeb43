// Package service tests omgd as a system service: how it starts, protects its socket, talks to systemd, serves several
// users and stops.
package service
