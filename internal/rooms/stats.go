package rooms

// Stats are the counts of a Set. Rooms and Users are current values; the others count from
// New on.
type Stats struct {
	Rooms int // in use
	Users int // in them; a user of two rooms counts twice

	Messages   uint64 // published and kept by the log, without what amends one
	Deliveries uint64 // events written to members
	Rounds     uint64 // rounds of delivery
	Slow       uint64 // members that were ended because they were too far behind
	Resets     uint64 // times that a room's log lost events that were delivered
	LogErrors  uint64 // uses of the log that failed
}

// Stats returns the counts. Its cost grows with the number of rooms in use.
func (s *Set) Stats() Stats {
	c := &s.counters
	st := Stats{
		Messages: c.messages.Load(), Deliveries: c.deliveries.Load(), Rounds: c.rounds.Load(),
		Slow: c.slow.Load(), Resets: c.resets.Load(), LogErrors: c.logErrors.Load(),
	}
	s.mu.Lock()
	st.Rooms = s.roomCount
	s.mu.Unlock()
	s.rooms.Range(func(_, v any) bool {
		r := v.(*room)
		r.mu.Lock()
		for _, o := range r.users {
			if _, here := o.wantedInLog(); here {
				st.Users++
			}
		}
		r.mu.Unlock()
		return true
	})
	return st
}
