package limit

import "time"

// inFlight is how long a message may travel that its client sent before it read that it has
// to wait. A client that comes back after a loss sends everything that waited.
const inFlight = time.Second

// Pauses says when a client was first told to wait, and until when it must. The zero Pauses
// is that of a client that was told nothing.
type Pauses struct{ told, ends time.Time }

// Tell notes that the client is told to wait. It reports whether the message for which it
// is told so is not the client's fault: a message that arrives later than inFlight after the
// client was told first, but before the end of the wait, was sent although the client knew.
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
