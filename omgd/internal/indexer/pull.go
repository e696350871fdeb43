package indexer

import (
	"context"
	"os"
	"slices"
	"time"

	"github.com/omg-arch/omg/shared/config"
)

// proxyVariables are the environment variables that name proxies.
var proxyVariables = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}

// Pull runs omg-index pull with arguments, and with the settings of the network. It returns the warnings that omg-index printed.
func Pull(ctx context.Context, network config.Network, args ...string) (warnings []string, err error) {
	args = slices.Insert(args, 1, "--child", "--timeout", time.Duration(network.Timeout).String())
	if network.UserAgent != "" {
		args = slices.Insert(args, 1, "--user-agent", network.UserAgent)
	}
	return runWithEnvironment(ctx, proxyEnvironment(network.Proxy, os.Getenv), nil, args...)
}

// proxyEnvironment returns the variables that select a proxy, the setting network.proxy. An address can have a password, so it must not be in
// an argument, which every user can read.
func proxyEnvironment(proxy string, getenv func(name string) string) (env []string) {
	switch proxy {
	case "none":
		return nil
	case "":
		for _, name := range proxyVariables {
			if value := getenv(name); value != "" {
				env = append(env, name+"="+value)
			}
		}
		return env
	}
	return []string{"HTTP_PROXY=" + proxy, "HTTPS_PROXY=" + proxy}
}
