package pglog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// attributes makes the kernel end a child process with this one, even if this one is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// children returns the processes that pid has started.
func children(pid int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		b, _ := os.ReadFile(name)
		head, tail, _ := strings.Cut(string(b), " (")
		_, tail, _ = strings.Cut(tail, ") ")
		var p, parent int
		var state string
		fmt.Sscan(head, &p)
		fmt.Sscan(tail, &state, &parent)
		if parent == pid {
			pids = append(pids, p)
		}
	}
	return pids
}
