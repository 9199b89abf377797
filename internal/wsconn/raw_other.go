//go:build !unix || noraw

package wsconn

import (
	"net"
	"sync"
	"syscall"
)

// bare returns nil: there is no way to write without blocking here, so the drain goroutine
// writes everything.
func bare(net.Conn) syscall.RawConn { return nil }

// A Prober writes nothing on this platform.
type Prober struct{}

// Probers is a pool of Probers.
var Probers = sync.Pool{New: func() any { return new(Prober) }}

func (*Prober) try(syscall.RawConn, []byte) (int, error) { return 0, nil }

func (*input) tryRead(uintptr) bool { panic("wsconn: no raw connections here") }

func (*input) peek(uintptr) bool { panic("wsconn: no raw connections here") }
