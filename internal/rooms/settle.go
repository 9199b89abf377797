package rooms

import (
	"cmp"
	"context"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// The pauses before a use of the log is tried again: doubled from one to the other.
const (
	settleRetry = 25 * time.Millisecond
	settlePause = time.Second
)

// A use of the log that has failed may still be carried out, when a newer one was:
// what waits in a connection that was given up comes late. So after an error the log
// is told again what is so, this often, at intervals that begin with doubtPause and
// double: about a minute in all.
const (
	doubts     = 6
	doubtPause = time.Second
)

// settle has the log told what is so of o, again and again until it has taken it,
// unless that is under way. The calls are made one after another and with a context
// of the server's own: whoever caused them may go away meanwhile. With the memory log
// of this server alone it is done on return. The caller keeps the room; many says
// that it settles many users.
func (r *room) settle(o *occupant, many bool) {
	r.mu.Lock()
	if r.set.cfg.Local {
		o.say, o.news = false, false // there is nobody else
	}
	if !o.working && !o.say && o.settled(r.set.id()) {
		r.dropLocked(o)
		r.mu.Unlock()
		return
	}
	start := !o.working && (r.set.cfg.Local || r.set.retain(r))
	o.working = o.working || start
	r.mu.Unlock()
	switch {
	case !start:
	case r.set.cfg.Local:
		for done := false; !done; {
			done, _ = r.settleOnce(context.Background(), o)
		}
	default:
		r.set.spawn(func(ctx context.Context) { r.settling(ctx, o, many) })
	}
}

// settling makes the log agree with o until both do, or ctx ends. Tries after the
// first wait for a turn, so that a log that is back is not met by all users there are.
func (r *room) settling(ctx context.Context, o *occupant, wait bool) {
	turns := r.set.self.turns
	over, turn := false, false
	defer func() {
		if turn {
			<-turns
		}
		if over {
			r.set.release(r)
			return
		}
		// The log has ended the goroutine, and has perhaps done something before.
		r.mu.Lock()
		r.failedLocked(o)
		r.mu.Unlock()
		r.set.spawn(func(ctx context.Context) {
			sleep(ctx, settlePause)
			r.settling(ctx, o, true)
		})
	}()
	for retry := settleRetry; ; {
		if wait {
			select {
			case turns <- struct{}{}:
				turn = true
			case <-ctx.Done():
				over = true
				return
			}
		}
		done, err := r.settleOnce(ctx, o)
		if turn {
			<-turns
			turn = false
		}
		switch {
		case done:
			over = true
			return
		case err == nil:
			retry = settleRetry
		case !sleep(ctx, retry/2+jitter(retry)):
			over = true
			return
		default:
			wait, retry = true, min(2*retry, settlePause)
		}
	}
}

// settleOnce uses the log once for o, unless it agrees.
func (r *room) settleOnce(ctx context.Context, o *occupant) (done bool, err error) {
	id := r.set.id()
	r.mu.Lock()
	m, present := o.wanted()
	// Whoever comes back to another server after a shutdown has not left.
	stays := !present && o.held == holds && !r.set.cfg.Local && r.set.life.closing.Load()
	if o.say {
		o.say, o.news = false, false
		m = chatlog.Member{UserID: o.user, Username: o.shown}
		r.mu.Unlock()
		r.set.hint(ctx, r.name, notice(chatlog.KindJoin, m))
		return false, nil
	}
	if stays || o.settled(id) {
		o.working = false
		o.wakeLocked()
		if !stays {
			r.doubtLocked(o)
		}
		r.dropLocked(o)
		r.mu.Unlock()
		return true, nil
	}
	unsure := o.held == mayHold
	o.held = mayHold
	o.heldBy = id
	r.mu.Unlock()

	var changed bool
	if present {
		changed, err = r.set.log.Enter(ctx, id, r.name, m)
	} else {
		changed, err = r.set.log.Leave(ctx, id, r.name, o.user)
	}

	r.mu.Lock()
	r.roster.touch(o)
	left, grew := false, false
	switch {
	case err != nil:
		r.failedLocked(o)
	case present:
		o.held, o.heldAs = holds, m
		if changed {
			r.set.came(r.name, m, true)
		}
		o.news = o.news || changed || unsure && !o.told
		if o.told {
			r.joinedLocked(o, m.Username) // perhaps by another name
			o.say = o.news
		}
	default:
		unheard := o.news
		o.held, o.heldAs, o.news = holdsNot, chatlog.Member{}, false
		if changed {
			r.set.came(r.name, chatlog.Member{UserID: o.user, Username: cmp.Or(o.shown, o.name)}, false)
		}
		m = chatlog.Member{UserID: o.user, Username: cmp.Or(o.shown, o.name)}
		if _, again := o.wanted(); again {
			break // the user has come back meanwhile, and has not left
		}
		if changed {
			left, grew = !unheard, r.leftLocked(o)
		} else {
			// The user is on another server, or an earlier try has done it.
			r.roster.dirty = true
		}
	}
	o.wakeLocked()
	r.mu.Unlock()
	if grew {
		r.wake()
	}
	if err != nil {
		return false, err
	}
	if left && !r.set.cfg.Local {
		r.set.hint(ctx, r.name, notice(chatlog.KindLeave, m))
	}
	return false, nil
}

// failedLocked notes that a use of the log for o has failed, and may still be carried out.
func (r *room) failedLocked(o *occupant) {
	r.roster.dirty = true
	o.doubts = doubts
	if o.again != nil && o.again.Stop() {
		r.set.release(r)
	}
	o.again = nil
}

// doubtLocked has the log told once more later, if something may have come late.
func (r *room) doubtLocked(o *occupant) {
	if o.doubts == 0 || o.again != nil || !r.set.retain(r) {
		return
	}
	pause := doubtPause << (doubts - o.doubts)
	o.doubts--
	var timer *time.Timer
	timer = time.AfterFunc(pause, func() {
		r.mu.Lock()
		due := o.again == timer
		if due {
			o.again, o.held = nil, mayHold
		}
		r.mu.Unlock()
		if due && !r.set.life.closing.Load() {
			r.settle(o, true)
		}
		r.set.release(r)
	})
	o.again = timer
}

// wakeLocked has those who wait for the log look again.
func (o *occupant) wakeLocked() {
	if o.tried != nil {
		close(o.tried)
		o.tried = nil
	}
}

// hint tells the other servers that a user came or went. What is lost they find out
// by comparing.
func (s *Set) hint(ctx context.Context, room string, e chatlog.Event) error {
	return s.log.Signal(ctx, room, e)
}

// dropLocked forgets o if there is nothing left to know of it.
func (r *room) dropLocked(o *occupant) {
	if o.conns == 0 && o.grace == nil && o.again == nil && !o.told && !o.working && r.users[o.user] == o {
		delete(r.users, o.user)
	}
}

// reenter gives the server a new name and enters its users under it, because the
// log has let go of the one it had. A new name keeps the clean-up of the old one by
// the others from undoing what is entered now.
func (s *Set) reenter() {
	s.newID()
	s.rooms.Range(func(_, v any) bool {
		r := v.(*room)
		r.mu.Lock()
		var users []*occupant
		for _, o := range r.users {
			if _, present := o.wanted(); present {
				users = append(users, o)
			}
		}
		r.mu.Unlock()
		for _, o := range users {
			r.settle(o, true)
		}
		return true
	})
}
