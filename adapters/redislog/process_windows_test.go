package redislog_test

import (
	"os"
	"syscall"
)

// Windows can end a process and knows no other signals. Nor is there a redis-server
// for it, so these tests say that it is missing; they compile all the same.
const (
	stopSignal = syscall.Signal(0x13)
	contSignal = syscall.Signal(0x12)
)

func kill(pid int, s syscall.Signal) {
	if p, err := os.FindProcess(pid); err == nil {
		p.Signal(s)
	}
}
