//go:build linux && !race

package run

const race = false
