// Package simulation tests omg-fleet with many simulated hosts, and with clusters of NATS servers that are killed, stopped, cut off or slow. The
// servers and the hosts run in processes of their own. Its tests run longer if OMG_SOAK is set.
package simulation
