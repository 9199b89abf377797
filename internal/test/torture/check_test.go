package torture

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// check compares what every client saw with the log.
func check(truth []chat.Event, clients []*tortured) (found []string) {
	bad := func(format string, args ...any) {
		if len(found) < 20 {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	at := map[uint64]*chat.Event{}
	ids := map[string]uint64{}
	deleted := map[uint64]bool{} // messages of which nothing is left
	for i := range truth {
		e := &truth[i]
		if i > 0 && e.Offset <= truth[i-1].Offset {
			bad("log: offset %d stands after %d", e.Offset, truth[i-1].Offset)
		}
		at[e.Offset] = e
		if e.Type == chat.TypeDelete {
			deleted[e.Target] = true
		}
		if o, twice := ids[e.UserID+" "+e.ID]; twice && e.ID != "" {
			bad("log: %s of %s at %d and %d", e.ID, e.UserID, o, e.Offset)
		}
		ids[e.UserID+" "+e.ID] = e.Offset
	}
	for _, c := range clients {
		for id, offset := range c.acks {
			e := at[offset]
			if c.kinds[id] == "reaction" || e == nil && (deleted[offset] || c.kinds[id] == "edit") {
				continue // nothing had to be stored, or nothing is left of it
			}
			if e == nil || e.ID != id || e.UserID != c.user {
				bad("%s: %s was acknowledged at %d, where the log has %+v", c.name, id, offset, e)
			}
		}
		for _, seen := range c.segments {
			for i := range seen {
				o := &seen[i]
				e := at[o.Offset]
				switch {
				case deleted[o.Offset] || deleted[o.Target]:
				case e == nil || e.ID != o.ID || e.UserID != o.User || e.Target != o.Target || e.Reaction != o.Reaction || string(e.Type) != o.Type:
					bad("%s: saw %+v, where the log has %+v", c.name, o, e)
				case o.Type == "private" && c.user != o.User && c.user != o.To:
					bad("%s: saw a private message of others: %+v", c.name, o)
				}
				if i == 0 {
					continue
				}
				before := seen[i-1].Offset
				if o.Offset <= before {
					bad("%s: saw %d after %d", c.name, o.Offset, before)
				}
				for missed := before + 1; missed < o.Offset; missed++ {
					// A history is without what amends: checkFolds sees to that.
					if e := at[missed]; e != nil && e.VisibleTo(c.user) && e.Target == 0 {
						bad("%s: missed %d, between %d and %d", c.name, missed, before, o.Offset)
					}
				}
			}
		}
	}
	return found
}

// checkHTTP reads the whole history as nobody in particular.
func checkHTTP(base string) (found []string) {
	before := uint64(1) << 40
	for {
		resp, err := http.Get(fmt.Sprint(base, "/rooms/torture/messages?limit=100&before=", before))
		if err != nil {
			return []string{err.Error()}
		}
		var page struct {
			Messages []harness.Object
			More     bool
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil || len(page.Messages) == 0 {
			return found
		}
		for i := range page.Messages {
			if o := &page.Messages[i]; o.Type == "private" && len(found) < 5 {
				found = append(found, fmt.Sprintf("HTTP history shows %+v", o))
			}
		}
		before = page.Messages[0].Offset
	}
}
