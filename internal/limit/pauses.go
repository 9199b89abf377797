package limit

import "time"

// inFlight is how long a message may travel that its client sent before it read that it must
// wait. A client that comes back after a loss sends all waiting messages.
const inFlight = time.Second

// Pauses says when a client was first told to wait, and until when it must. The zero Pauses is
// for a client that was never told.
type Pauses struct{ told, ends time.Time }

// Tell records that the client is told to wait. It reports whether the message that causes this
// is not the client's fault. A message is the client's fault if it arrives later than inFlight
// after the client was first told, but before the end of the wait: the client knew then.
func (p *Pauses) Tell(wait time.Duration) (excused bool) {
	now := time.Now()
	if now.Before(p.ends) {
		excused = now.Sub(p.told) < inFlight
	} else {
		excused, p.told = true, now
	}
	p.ends = now.Add(wait)
	return excused
}
