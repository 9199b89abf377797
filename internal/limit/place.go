package limit

import (
	"hash/maphash"
	"net/netip"
	"strconv"

	"github.com/seed-08328bfd/chat/internal/forwarded"
)

// A Place is the source of connections that are counted together.
type Place struct {
	net    netip.Prefix // an IPv4 address, or the /64 that an IPv6 address is from
	hidden uint64       // the hash of an identifier that a proxy gives in place of an address
	none   bool         // not known, and so not counted
}

var hiddenSeed = maphash.MakeSeed()

// PlaceOf returns the place of n's connections.
func PlaceOf(n forwarded.Node) (c Place) {
	switch n.Kind {
	case forwarded.Address:
		c.net = n.Net()
	case forwarded.Hidden:
		c.hidden = maphash.String(hiddenSeed, n.ID)
	case forwarded.Unknown:
		c.none = true
	}
	return c
}

// Account returns an account's name for all connections from c. No user has this name. It is ""
// if c is not known.
func (c Place) Account() string {
	switch {
	case c.none:
		return ""
	case c.net.IsValid():
		return "\x00" + c.net.String()
	}
	return "\x00" + strconv.FormatUint(c.hidden, 16)
}
