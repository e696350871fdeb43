// Package service tests omgd as the system's service that it is: how it starts,
// guards its socket, talks to systemd, serves several users and ends.
package service
