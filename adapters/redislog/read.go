package redislog

import (
	"context"
	"slices"
	"strconv"

	"github.com/seed-08328bfd/chat/chatlog"
)

// maxScan is how many hidden entries one run of the script reads at most where Redis has evicted
// the index.
const maxScan = 1000

// Read implements [chatlog.Store].
func (l *Log) Read(ctx context.Context, room string, rg chatlog.Range) (chatlog.Page, error) {
	if rg.Visible || rg.Messages {
		return l.readSome(ctx, room, rg)
	}
	p, _, err := l.readOnce(ctx, room, rg, int64(max(rg.Limit, 0)))
	if err != nil {
		return chatlog.Page{}, err
	}
	if rg.From == 0 {
		slices.Reverse(p.Events)
	}
	switch n := len(p.Events); {
	case n == 0 && rg.From > 0:
		p.More = max(rg.From, p.First) <= p.Position.Offset
	case n == 0:
		p.More = p.First <= p.Position.Offset && (rg.Before == 0 || rg.Before > p.First)
	case rg.From > 0:
		p.More = p.Events[n-1].Offset < p.Position.Offset
	default:
		p.More = p.Events[0].Offset > p.First
	}
	return p, nil
}

// readSome reads one event more than the limit, to learn whether there are more. In a room whose
// index was evicted, it may need several runs of the script. The work of each run is limited.
func (l *Log) readSome(ctx context.Context, room string, rg chatlog.Range) (chatlog.Page, error) {
	limit := min(max(rg.Limit, 0), 1<<30)
	var p chatlog.Page
	for next := rg; ; {
		part, goOn, err := l.readOnce(ctx, room, next, int64(limit)+1-int64(len(p.Events)))
		switch {
		case err != nil:
			return chatlog.Page{}, err
		case p.Position.Epoch == "" || rg.From > 0 && part.Position.Epoch == p.Position.Epoch:
			p.Position = part.Position
		case part.Position.Epoch != p.Position.Epoch:
			p, next = chatlog.Page{}, rg
			continue
		}
		p.First = part.First
		p.Events = append(p.Events, part.Events...)
		if goOn == 0 || len(p.Events) > limit {
			break
		}
		if rg.From > 0 {
			next.From = goOn
		} else {
			next.Before = goOn
		}
	}
	if p.More = len(p.Events) > limit; p.More {
		p.Events = p.Events[:limit]
	}
	if rg.From == 0 {
		slices.Reverse(p.Events)
	}
	return p, nil
}

// readOnce runs the script. The events are in the order of reading. If the script stopped
// early, goOn is the From or Before to continue with; otherwise it is 0.
func (l *Log) readOnce(ctx context.Context, room string, rg chatlog.Range, limit int64) (p chatlog.Page, goOn uint64, err error) {
	b := bucketOf(room)
	args := []any{l.uniqueWord(), strconv.FormatUint(rg.From, 10), strconv.FormatUint(rg.Before, 10), limit, ms(l.unwritten),
		l.newestSeen(b, room), l.watchedFlag(room), flag(rg.Messages), flag(rg.Visible), "", maxScan}
	if rg.Visible {
		args[9] = quoted(rg.Reader)
	}
	reply, err := l.do(ctx, readScript, b, l.roomKeys(b, room), args...)
	if err != nil {
		return p, 0, err
	}
	r := replyOf(reply)
	p = chatlog.Page{Position: chatlog.Position{Epoch: r.text(0), Offset: r.offset(1)}, First: r.offset(2)}
	list, more := r.list(3), r.list(4)
	p.Events, err = decodeElements(list, more, rg)
	if err != nil {
		return p, 0, err
	}
	if len(r.items) > 5 {
		goOn = r.offset(5)
	}
	if r.bad || list.bad || more.bad {
		return p, 0, errReply
	}
	for i := range p.Events {
		if e := &p.Events[i]; e.Offset == p.Position.Offset {
			l.noteSeen(b, room, p.Position.Epoch, e)
		}
	}
	return p, goOn, nil
}
