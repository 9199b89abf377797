package memlog

import (
	"crypto/sha256"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// roomIDs are the ids of a room's entries, by which a repeated message is recognised. The
// lock of the room's shard guards them.
type roomIDs struct {
	fresh  map[idHash]idEntry // added since the time turned; nil if there are none
	old    map[idHash]idEntry // added in the idWindow before that
	turned time.Duration
}

const (
	idWindow = proto.IDWindow
	maxIDs   = 1 << 18 // per room and idWindow
	idCost   = 64      // bytes an id takes
)

// idHash stands for a user and an id by their hash, which takes less memory
// and none of the garbage collector's time.
type idHash [16]byte

func idOf(user, id string) (k idHash) {
	var buf [256]byte
	b := strconv.AppendInt(buf[:0], int64(len(user)), 10)
	b = append(append(append(b, ':'), user...), id...)
	sum := sha256.Sum256(b)
	copy(k[:], sum[:])
	return k
}

// idEntry is the remembered part of an entry with an id.
type idEntry struct {
	offset uint64
	ms     int64
}

// turn removes the ids that are old enough.
func (i *roomIDs) turn(now time.Duration) {
	switch age := now - i.turned; {
	case age >= 2*idWindow:
		i.fresh, i.old, i.turned = nil, nil, now
	case age >= idWindow:
		i.fresh, i.old, i.turned = nil, i.fresh, i.turned+idWindow
	case len(i.fresh) >= maxIDs:
		i.fresh, i.old, i.turned = nil, i.fresh, now
	}
}

func (i *roomIDs) known(id idHash) (idEntry, bool) {
	m, ok := i.fresh[id]
	if !ok {
		m, ok = i.old[id]
	}
	return m, ok
}

func (i *roomIDs) add(id idHash, e idEntry) {
	if i.fresh == nil {
		i.fresh = map[idHash]idEntry{}
	}
	i.fresh[id] = e
}

func (i *roomIDs) len() int { return len(i.fresh) + len(i.old) }
