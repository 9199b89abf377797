package serve

import (
	"bytes"
	"encoding/binary"
	"net"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The floor is what the job costs if a program does nothing but ask the kernel: one thread,
// epoll, one read(2) per wake-up and one write(2) per delivery. It keeps no history and checks
// nothing. When a socket is full, it waits for it, and all other connections wait too. No
// library can use less with one write per delivery. A library that puts several messages in one
// write can.
type floor struct {
	epoll int
	conns map[int32]*floorConn
	rooms map[string]*floorRoom
	out   []byte
}

type floorRoom struct{ members []*floorConn }

type floorConn struct {
	fd   int
	room *floorRoom // nil before the handshake
	in   []byte     // the start of an incomplete frame
	name string
}

// Floor serves l on the calling goroutine until the process ends. It avoids the runtime's
// scheduler: reads and writes are raw system calls.
func Floor(l *net.TCPListener) error {
	runtime.LockOSThread()
	file, err := l.File()
	if err != nil {
		return err
	}
	defer file.Close() // not earlier: the garbage collector closes a file without references
	listener := int(file.Fd())
	if err := unix.SetNonblock(listener, true); err != nil {
		return err
	}
	f := &floor{conns: map[int32]*floorConn{}, rooms: map[string]*floorRoom{}}
	if f.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if err := f.watch(listener); err != nil {
		return err
	}
	events := make([]unix.EpollEvent, 512)
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.EpollWait(f.epoll, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		for _, ev := range events[:n] {
			if int(ev.Fd) == listener {
				if err := f.accept(listener); err != nil {
					return err
				}
			} else if c := f.conns[ev.Fd]; c != nil {
				f.readable(c, buf)
			}
		}
	}
}

func (f *floor) watch(fd int) error {
	return unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (f *floor) accept(listener int) error {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return nil // no client is waiting, or it has gone
		}
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if err := f.watch(fd); err != nil {
			return err
		}
		f.conns[int32(fd)] = &floorConn{fd: fd}
	}
}

func (f *floor) readable(c *floorConn, buf []byte) {
	kept := copy(buf, c.in)
	n, errno := rawRead(c.fd, buf[kept:])
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return
	}
	if errno != 0 || n == 0 {
		f.drop(c)
		return
	}
	b := buf[:kept+n]
	if c.room == nil {
		b = f.handshake(c, b)
	}
	if c.room != nil {
		b = f.frames(c, b)
	}
	c.in = append(c.in[:0], b...)
}

func (f *floor) handshake(c *floorConn, b []byte) []byte {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return b
	}
	head := string(b[:end])
	path, _, _ := strings.Cut(strings.TrimPrefix(head, "GET /ws/"), " ")
	room, query, _ := strings.Cut(path, "?")
	_, c.name, _ = strings.Cut(query, "username=")
	_, key, _ := strings.Cut(head, "Sec-WebSocket-Key: ")
	key, _, _ = strings.Cut(key, "\r\n")
	r := f.rooms[room]
	if r == nil {
		r = new(floorRoom)
		f.rooms[room] = r
	}
	c.room = r
	r.members = append(r.members, c)
	f.write(c, []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Accept: "+acceptKey(key)+"\r\n\r\n"))
	return b[end+4:]
}

// frames processes the whole frames in b, and returns the rest.
func (f *floor) frames(c *floorConn, b []byte) []byte {
	for len(b) >= 6 {
		n, head := int(b[1]&0x7f), 2
		if n == 126 {
			n, head = int(binary.BigEndian.Uint16(b[2:])), 4
		}
		if len(b) < head+4+n {
			break
		}
		mask, text := b[head:head+4], b[head+4:head+4+n]
		for i := range text {
			text[i] ^= mask[i&3]
		}
		if b[0] == 0x81 {
			f.deliver(c, text)
		}
		b = b[head+4+n:]
	}
	return b
}

func (f *floor) deliver(c *floorConn, text []byte) {
	const before = `{"type":"message","offset":100000,"time":"2025-01-01T00:00:00.000Z","user":"` + userID + `","username":"`
	const between = `","message":"`
	n := len(before) + len(c.name) + len(between) + len(text) + len(`"}`)
	b := append(f.out[:0], 0x81)
	if n < 126 {
		b = append(b, byte(n))
	} else {
		b = append(b, 126, byte(n>>8), byte(n))
	}
	b = append(append(append(b, before...), c.name...), between...)
	b = append(append(b, text...), `"}`...)
	f.out = b
	for _, m := range c.room.members {
		f.write(m, b)
	}
}

func (f *floor) write(c *floorConn, b []byte) {
	for len(b) > 0 && c.fd >= 0 {
		n, errno := rawWrite(c.fd, b)
		switch errno {
		case 0:
			b = b[n:]
		case unix.EAGAIN:
			unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}, -1)
		case unix.EINTR:
		default:
			return // the next read returns the error
		}
	}
}

func (f *floor) drop(c *floorConn) {
	delete(f.conns, int32(c.fd))
	unix.Close(c.fd)
	c.fd = -1
	if c.room == nil {
		return
	}
	kept := make([]*floorConn, 0, len(c.room.members))
	for _, m := range c.room.members {
		if m != c {
			kept = append(kept, m)
		}
	}
	c.room.members = kept
}

func rawRead(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

func rawWrite(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}
