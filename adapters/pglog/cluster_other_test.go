//go:build unix && !linux

package pglog_test

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

// children returns the processes that pid has started.
func children(pid int) (pids []int) {
	out, _ := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	for line := range strings.Lines(string(out)) {
		var p, parent int
		if fmt.Sscan(line, &p, &parent); parent == pid {
			pids = append(pids, p)
		}
	}
	return pids
}
