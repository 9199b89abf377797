//go:build !linux

package wsconn

import (
	"net"
	"time"
)

// limitUnacked does nothing: the kernel's own limit counts here.
func limitUnacked(net.Conn, time.Duration) {}
