package memlog

import (
	"slices"
	"sort"

	"github.com/seed-08328bfd/chat/chatlog"
)

// privateIndex finds the entries that one user may see without reading the others. It has
// the runs of consecutive private entries, which tell where the public entries are, and the
// private entries of each user. It covers the entries in the ring, and is empty in a room
// without private messages.
type privateIndex struct {
	runs  []privateRun // in order, with a public entry between each run and the next
	users map[string][]uint64
}

// privateRun stands for the private entries first to last.
type privateRun struct{ first, last uint64 }

// indexCost is about how many bytes a private entry takes in the index.
const indexCost = 200

// add adds e, the newest entry.
func (x *privateIndex) add(e *chatlog.Event) {
	if n := len(x.runs); n > 0 && x.runs[n-1].last == e.Offset-1 {
		x.runs[n-1].last = e.Offset
	} else {
		x.runs = append(x.runs, privateRun{e.Offset, e.Offset})
	}
	if x.users == nil {
		x.users = map[string][]uint64{}
	}
	if e.UserID != "" {
		x.users[e.UserID] = append(x.users[e.UserID], e.Offset)
	}
	if e.To != "" && e.To != e.UserID {
		x.users[e.To] = append(x.users[e.To], e.Offset)
	}
}

// drop removes e, the oldest entry.
func (x *privateIndex) drop(e *chatlog.Event) {
	if run := &x.runs[0]; run.first < run.last {
		run.first++
	} else {
		x.runs = x.runs[1:]
	}
	for _, user := range [2]string{e.UserID, e.To} {
		switch o := x.users[user]; {
		case len(o) == 0 || o[0] != e.Offset: // no user, or the sender is the receiver
		case len(o) == 1:
			delete(x.users, user)
		default:
			x.users[user] = o[1:]
		}
	}
	if len(x.users) == 0 {
		x.users = nil // a map does not shrink
	}
	if len(x.runs) == 0 {
		x.runs = nil
	}
}

// newest returns the last offsets from first to below end that user may see, at
// most n of them, in order.
func (x *privateIndex) newest(user string, first, end uint64, n int) []uint64 {
	var seen []uint64
	own := x.own(user)
	i := sort.Search(len(own), func(i int) bool { return own[i] >= end })
	j := sort.Search(len(x.runs), func(j int) bool { return x.runs[j].first >= end })
	for public := end - 1; len(seen) < n; {
		if j > 0 && public <= x.runs[j-1].last {
			j--
			public = x.runs[j].first - 1
		}
		if i > 0 && own[i-1] >= first && own[i-1] > public {
			i--
			seen = append(seen, own[i])
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

// next returns the first offsets from first to below end that user may see, at most
// n of them, in order.
func (x *privateIndex) next(user string, first, end uint64, n int) []uint64 {
	var seen []uint64
	own := x.own(user)
	i := sort.Search(len(own), func(i int) bool { return own[i] >= first })
	j := sort.Search(len(x.runs), func(j int) bool { return x.runs[j].last >= first })
	for public := first; len(seen) < n; {
		if j < len(x.runs) && public >= x.runs[j].first {
			public = x.runs[j].last + 1
			j++
		}
		switch {
		case i < len(own) && own[i] < end && own[i] < public:
			seen = append(seen, own[i])
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
func (x *privateIndex) own(user string) []uint64 {
	if user == "" {
		return nil
	}
	return x.users[user]
}
