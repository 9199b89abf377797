package rooms

import (
	"cmp"
	"context"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/pause"
)

// The pauses before a use of the log is tried again: doubled from one to the other.
const (
	minUpdateRetry = 25 * time.Millisecond
	maxUpdateRetry = time.Second
)

// A call of the log that has failed may still be carried out later, even after a newer
// call: it waits in a connection that was given up. So after an error the present state is
// sent to the log again, this often, at intervals that begin with repeatPause and double:
// about a minute in all.
const (
	maxRepeats  = 6
	repeatPause = time.Second
)

// updateLog makes the log agree with o: it starts a goroutine that tries until it succeeds,
// unless one already runs. The calls come one after another, with the server's context,
// because the caller may be gone before they end. With the memory log of this server alone,
// the log agrees when updateLog returns. The caller keeps the room in use; many says that
// it calls updateLog for many users.
func (r *room) updateLog(o *localUser, many bool) {
	r.mu.Lock()
	if r.set.cfg.Local {
		o.tellJoin, o.joinUntold = false, false // there is no other server
	}
	if !o.updating && !o.tellJoin && o.agreesWithLog(r.set.identity.serverID.Load()) {
		r.forgetUserLocked(o)
		r.mu.Unlock()
		return
	}
	start := !o.updating && (r.set.cfg.Local || r.set.retain(r))
	o.updating = o.updating || start
	r.mu.Unlock()
	switch {
	case !start:
	case r.set.cfg.Local:
		for done := false; !done; {
			done, _ = r.updateLogOnce(context.Background(), o)
		}
	default:
		r.set.spawn(func(ctx context.Context) { r.keepUpdatingLog(ctx, o, many) })
	}
}

// keepUpdatingLog calls the log until it agrees with o, or ctx ends. Attempts after the
// first wait for a turn, so that a log that comes back does not get calls for all users in
// one moment.
func (r *room) keepUpdatingLog(ctx context.Context, o *localUser, wait bool) {
	turns := r.set.identity.retryTurns
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
			pause.For(ctx, maxUpdateRetry)
			r.keepUpdatingLog(ctx, o, true)
		})
	}()
	for retry := minUpdateRetry; ; {
		if wait {
			select {
			case turns <- struct{}{}:
				turn = true
			case <-ctx.Done():
				over = true
				return
			}
		}
		done, err := r.updateLogOnce(ctx, o)
		if turn {
			<-turns
			turn = false
		}
		switch {
		case done:
			over = true
			return
		case err == nil:
			retry = minUpdateRetry
		case !pause.For(ctx, retry/2+jitter(retry)):
			over = true
			return
		default:
			wait, retry = true, min(2*retry, maxUpdateRetry)
		}
	}
}

// updateLogOnce makes one call of the log for o, unless the log already agrees.
func (r *room) updateLogOnce(ctx context.Context, o *localUser) (done bool, err error) {
	id := r.set.identity.serverID.Load()
	r.mu.Lock()
	m, present := o.wantedInLog()
	// A user that comes back to another server after a shutdown has not left.
	stays := !present && o.inLog == isInLog && !r.set.cfg.Local && r.set.life.closing.Load()
	if o.tellJoin {
		o.tellJoin, o.joinUntold = false, false
		m = chatlog.Member{UserID: o.user, Username: o.shownName}
		r.mu.Unlock()
		r.set.sendHint(ctx, r.name, notice(chatlog.KindJoin, m))
		return false, nil
	}
	if stays || o.agreesWithLog(id) {
		o.updating = false
		o.signalLocked()
		if !stays {
			r.repeatLaterLocked(o)
		}
		r.forgetUserLocked(o)
		r.mu.Unlock()
		return true, nil
	}
	unsure := o.inLog == maybeInLog
	o.inLog = maybeInLog
	o.loggedBy = id
	r.mu.Unlock()

	var changed bool
	if present {
		changed, err = r.set.log.Enter(ctx, *id, r.name, m)
	} else {
		changed, err = r.set.log.Leave(ctx, *id, r.name, o.user)
	}

	r.mu.Lock()
	r.roster.noteChange(o)
	left, grew := false, false
	switch {
	case err != nil:
		r.failedLocked(o)
	case present:
		o.inLog, o.loggedName, o.loggedConns = isInLog, m.Username, int32(m.Connections)
		if changed {
			r.set.reportPresence(r.name, m, true)
		}
		o.joinUntold = o.joinUntold || changed || unsure && !o.told
		if o.told {
			r.tellJoinLocked(o, m.Username) // perhaps by another name
			o.tellJoin = o.joinUntold
		}
	default:
		unheard := o.joinUntold
		o.inLog, o.loggedName, o.loggedConns, o.joinUntold = notInLog, "", 0, false
		if changed {
			r.set.reportPresence(r.name, chatlog.Member{UserID: o.user, Username: cmp.Or(o.shownName, o.name)}, false)
		}
		m = chatlog.Member{UserID: o.user, Username: cmp.Or(o.shownName, o.name)}
		if _, again := o.wantedInLog(); again {
			break // the user has come back in the meantime, and has not left
		}
		if changed {
			left, grew = !unheard, r.tellLeaveLocked(o)
		} else {
			// The user is on another server, or an earlier try has done it.
			r.roster.mayDiffer = true
		}
	}
	o.signalLocked()
	r.mu.Unlock()
	if grew {
		r.wake()
	}
	if err != nil {
		return false, err
	}
	if left && !r.set.cfg.Local {
		r.set.sendHint(ctx, r.name, notice(chatlog.KindLeave, m))
	}
	return false, nil
}

// failedLocked notes that a use of the log for o has failed, and may still be carried out.
func (r *room) failedLocked(o *localUser) {
	r.roster.mayDiffer = true
	o.repeatsLeft = maxRepeats
	if o.repeatTimer != nil && o.repeatTimer.Stop() {
		r.set.release(r)
	}
	o.repeatTimer = nil
}

// repeatLaterLocked sets a timer to send o's state to the log once more, if an earlier call
// has failed.
func (r *room) repeatLaterLocked(o *localUser) {
	if o.repeatsLeft == 0 || o.repeatTimer != nil || !r.set.retain(r) {
		return
	}
	pause := repeatPause << (maxRepeats - o.repeatsLeft)
	o.repeatsLeft--
	var timer *time.Timer
	timer = time.AfterFunc(pause, func() {
		r.mu.Lock()
		due := o.repeatTimer == timer
		if due {
			o.repeatTimer, o.inLog = nil, maybeInLog
		}
		r.mu.Unlock()
		if due && !r.set.life.closing.Load() {
			r.updateLog(o, true)
		}
		r.set.release(r)
	})
	o.repeatTimer = timer
}

// signalLocked wakes the goroutines that wait for an attempt.
func (o *localUser) signalLocked() {
	if o.attempted != nil {
		close(o.attempted)
		o.attempted = nil
	}
}

// sendHint tells the other servers that a user has joined or left. If the hint is lost,
// they find out when they compare.
func (s *Set) sendHint(ctx context.Context, room string, e chatlog.Event) error {
	return s.log.Signal(ctx, room, e)
}

// forgetUserLocked removes o from the users if nothing needs it.
func (r *room) forgetUserLocked(o *localUser) {
	if o.conns == 0 && o.graceTimer == nil && o.repeatTimer == nil && !o.told && !o.updating && r.users[o.user] == o {
		delete(r.users, o.user)
	}
}

// reenterUsers gives the server a new name and enters its users under it, because the log
// has removed the old one. With a new name, other servers that still remove the old one do
// not remove the users entered now.
func (s *Set) reenterUsers() {
	s.newID()
	s.rooms.Range(func(_, v any) bool {
		r := v.(*room)
		r.mu.Lock()
		var users []*localUser
		for _, o := range r.users {
			if _, present := o.wantedInLog(); present {
				users = append(users, o)
			}
		}
		r.mu.Unlock()
		for _, o := range users {
			r.updateLog(o, true)
		}
		return true
	})
}
