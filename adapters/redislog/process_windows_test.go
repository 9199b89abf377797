package redislog_test

import (
	"os"
	"syscall"
)

// Windows can end a process, and has no other signals. There is no redis-server for it either,
// so these tests report that it is missing. But they compile.
const (
	stopSignal = syscall.Signal(0x13)
	contSignal = syscall.Signal(0x12)
)

func kill(pid int, s syscall.Signal) {
	if p, err := os.FindProcess(pid); err == nil {
		p.Signal(s)
	}
}
