//go:build linux && race

package run

// race tells the tests to build the servers with the race detector too.
const race = true
