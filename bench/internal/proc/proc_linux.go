// Package proc reads Linux's data on a process and on the machine.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of times in /proc (USER_HZ). It is 100 on every Linux on which Go runs.
const tick = 10 * time.Millisecond

// Usage is what a process has used. The kernel measures the sum of the two times exactly. It
// estimates each of them by looking at every tick.
type Usage struct {
	User, System time.Duration
	RSS, Peak    int64 // bytes
}

// Read returns what the process pid has used since its start.
func Read(pid int) (u Usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	// The second field, the name in parentheses, may contain any characters.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return u, fmt.Errorf("proc: unexpected stat %q", stat)
	}
	u.User, u.System = ticks(string(fields[11])), ticks(string(fields[12]))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		key, rest, _ := strings.Cut(line, ":")
		kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, _ := strconv.ParseInt(kb, 10, 64)
		switch key {
		case "VmRSS":
			u.RSS = n << 10
		case "VmHWM":
			u.Peak = n << 10
		}
	}
	return u, nil
}

func ticks(s string) time.Duration {
	n, _ := strconv.ParseInt(s, 10, 64)
	return time.Duration(n) * tick
}

// Busy returns the time for which all processors have worked since the machine began, and the
// time that other virtual machines took.
func Busy() time.Duration {
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := strings.Fields(string(line)) // cpu user nice system idle iowait irq softirq steal
	var sum time.Duration
	for i, f := range fields {
		if i != 0 && i != 4 && i != 5 && i <= 8 {
			sum += ticks(f)
		}
	}
	return sum
}

// Self returns the time that this process has used.
func Self() time.Duration {
	var r unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// Machine describes the machine of a measurement, without its name.
func Machine() string {
	model := runtime.GOARCH
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(v)
			break
		}
	}
	var un unix.Utsname
	unix.Uname(&un)
	release, _, _ := strings.Cut(unix.ByteSliceToString(un.Release[:]), "-")
	return fmt.Sprintf("%s, %d processors, Linux %s, %s", model, runtime.NumCPU(), release, runtime.Version())
}

// RaiseFiles allows this process as many open files as the system permits.
func RaiseFiles() error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return err
	}
	r.Cur = r.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &r)
}
