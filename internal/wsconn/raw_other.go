//go:build !unix || noraw

package wsconn

import (
	"net"
	"sync"
	"syscall"
)

// bare returns nil: without a way to write that cannot block, every member
// behind is served by a goroutine.
func bare(net.Conn) syscall.RawConn { return nil }

// A Prober writes nothing here.
type Prober struct{}

// Probers has Probers for use again.
var Probers = sync.Pool{New: func() any { return new(Prober) }}

func (*Prober) try(syscall.RawConn, []byte) (int, error) { return 0, nil }

func (*input) tryRead(uintptr) bool { panic("wsconn: no raw connections here") }
