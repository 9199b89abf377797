package memlog

import (
	"slices"
	"sort"
)

// index finds the entries that one user may see without looking at the others. It has the runs
// of consecutive hidden entries, which show where the public ones are, and the private entries
// of each user. It is empty in a room without private messages and without entries that amend.
type index struct {
	// private are the runs of private and erased entries in the ring.
	private runs
	// unlisted are the runs of the offsets, from entries.oldest on, at which there is no public
	// message: private messages, entries that amend, and entries that were erased or are no
	// longer held. While amended is false, unlisted is not used, and is equal to private.
	unlisted runs
	amended  bool
	// users are the offsets of each user's private entries that are held, in order.
	users map[string][]uint64
}

// indexCost is the approximate size in bytes of a private entry in the index.
const indexCost = 200

// add adds e, the newest entry, which is not a public message.
func (x *index) add(offset uint64, e *entry) {
	if e.is(amending) && !x.amended {
		x.amended, x.unlisted = true, slices.Clone(x.private)
	}
	if x.amended {
		x.unlisted = x.unlisted.push(offset)
	}
	if !e.is(private) {
		return
	}
	x.private = x.private.push(offset)
	if x.users == nil {
		x.users = map[string][]uint64{}
	}
	if e.userID != "" {
		x.users[e.userID] = append(x.users[e.userID], offset)
	}
	if e.to != "" && e.to != e.userID {
		x.users[e.to] = append(x.users[e.to], offset)
	}
}

// forget removes e, which is private and no longer held, from the entries of its users.
func (x *index) forget(offset uint64, e *entry) {
	for _, user := range [2]string{e.userID, e.to} {
		o := x.users[user]
		i, ok := slices.BinarySearch(o, offset)
		switch {
		case !ok: // no user, or the sender is the receiver
		case len(o) == 1:
			delete(x.users, user)
		case i == 0:
			x.users[user] = o[1:]
		default:
			x.users[user] = slices.Delete(o, i, i+1)
		}
	}
	if len(x.users) == 0 {
		x.users = nil // a map does not shrink
	}
}

// newest returns the last offsets from first to below end that are in no run of hidden, or
// that are the user's own and pass keep, which may be nil: at most n, in order.
func (x *index) newest(hidden runs, user string, keep func(uint64) bool, first, end uint64, n int) []uint64 {
	var seen []uint64
	own := x.own(user)
	i := sort.Search(len(own), func(i int) bool { return own[i] >= end })
	j := sort.Search(len(hidden), func(j int) bool { return hidden[j].first >= end })
	for public := end - 1; len(seen) < n; {
		if j > 0 && public <= hidden[j-1].last {
			j--
			public = hidden[j].first - 1
		}
		if i > 0 && own[i-1] >= first && own[i-1] > public {
			if i--; keep == nil || keep(own[i]) {
				seen = append(seen, own[i])
			}
		} else if public >= first {
			seen = append(seen, public)
			public--
		} else {
			break
		}
	}
	slices.Reverse(seen)
	return seen
}

// next returns the first offsets from first to below end that are in no run of hidden, or
// that are the user's own and pass keep, which may be nil: at most n, in order.
func (x *index) next(hidden runs, user string, keep func(uint64) bool, first, end uint64, n int) []uint64 {
	var seen []uint64
	own := x.own(user)
	i := sort.Search(len(own), func(i int) bool { return own[i] >= first })
	j := sort.Search(len(hidden), func(j int) bool { return hidden[j].last >= first })
	for public := first; len(seen) < n; {
		if j < len(hidden) && public >= hidden[j].first {
			public = hidden[j].last + 1
			j++
		}
		switch {
		case i < len(own) && own[i] < end && own[i] < public:
			if keep == nil || keep(own[i]) {
				seen = append(seen, own[i])
			}
			i++
		case public < end:
			seen = append(seen, public)
			public++
		default:
			return seen
		}
	}
	return seen
}

// own returns the user's private entries; none for the empty user.
func (x *index) own(user string) []uint64 {
	if user == "" {
		return nil
	}
	return x.users[user]
}

// runs are runs of consecutive offsets, in order, with another offset between each and the
// next. An empty one is nil.
type runs []run

type run struct{ first, last uint64 }

// push adds offset, which is above all others.
func (r runs) push(offset uint64) runs {
	if n := len(r); n > 0 && r[n-1].last == offset-1 {
		r[n-1].last = offset
		return r
	}
	return append(r, run{offset, offset})
}

// insert adds offset, if it is not there.
func (r runs) insert(offset uint64) runs {
	i := sort.Search(len(r), func(i int) bool { return r[i].last >= offset })
	before := i > 0 && r[i-1].last == offset-1
	switch {
	case i < len(r) && r[i].first <= offset:
		return r
	case before && i < len(r) && r[i].first == offset+1:
		r[i-1].last = r[i].last
		return slices.Delete(r, i, i+1)
	case before:
		r[i-1].last = offset
		return r
	case i < len(r) && r[i].first == offset+1:
		r[i].first = offset
		return r
	default:
		return slices.Insert(r, i, run{offset, offset})
	}
}

// cut removes the offsets below first.
func (r runs) cut(first uint64) runs {
	for len(r) > 0 && r[0].last < first {
		r = r[1:]
	}
	if len(r) == 0 {
		return nil
	}
	r[0].first = max(r[0].first, first)
	return r
}
