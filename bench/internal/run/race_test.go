//go:build linux && race

package run

// race has the servers built with the race detector, too.
const race = true
