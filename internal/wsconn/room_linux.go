//go:build !noraw && !386 && !s390x

package wsconn

import (
	"syscall"
	"unsafe"
)

// soMeminfo is SO_MEMINFO of socket(7), and these are two of its counters (linux/sock_diag.h). The
// kernel lets a write wait when what is queued reaches the send buffer's size.
const (
	soMeminfo     = 55
	meminfoSndbuf = 3
	meminfoQueued = 5
)

type meminfo [meminfoQueued + 1]uint32

// room returns how many bytes of memory the kernel has left for what is written to a TCP
// socket; 0 if it does not say.
func (p *Prober) room(raw syscall.RawConn) int {
	p.n = 0
	if raw.Control(p.ask) != nil {
		return 0
	}
	return p.n
}

// askRoom makes the system call itself: package syscall has none that returns so many bytes
// without allocating. On 386 and s390x it does not know its number.
func (p *Prober) askRoom(fd uintptr) {
	var info meminfo
	size := uint32(unsafe.Sizeof(info))
	_, _, e := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, soMeminfo,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if e == 0 && size == uint32(unsafe.Sizeof(info)) {
		p.n = max(0, int(info[meminfoSndbuf])-int(info[meminfoQueued]))
	}
}
