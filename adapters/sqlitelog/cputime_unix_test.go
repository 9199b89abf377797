//go:build unix

package sqlitelog_test

import (
	"syscall"
	"time"
)

// cpuTime returns the time that this process has used of all processors. A machine that does
// other things changes it less than it changes rates.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
