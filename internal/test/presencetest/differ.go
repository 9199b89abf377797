package presencetest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Differ returns how the lists of servers and clients differ from the truth.
func (c *Cluster) Differ(servers ...int) (found []string) {
	c.mu.Lock()
	truth := map[string]map[string]int{} // user to connections of each name
	for _, k := range c.conns {
		if truth[k.user] == nil {
			truth[k.user] = map[string]int{}
		}
		truth[k.user][k.name]++
	}
	users := slices.Sorted(maps.Keys(truth))
	for _, k := range c.conns {
		if list := slices.Sorted(maps.Keys(k.list)); !slices.Equal(list, users) {
			found = append(found, fmt.Sprintf("%s at %d keeps %v", k.user, k.server, list))
		}
	}
	c.mu.Unlock()
	for _, s := range servers {
		var members struct{ Members []chatlog.Member }
		rooms := map[string]int{}
		if err := c.get(s, "/rooms/"+c.Room+"/members", &members); err != nil {
			found = append(found, err.Error())
		}
		if err := c.get(s, "/rooms", &rooms); err != nil || rooms[c.Room] != len(users) {
			found = append(found, fmt.Sprintf("server %d counts %d users in the room, %v", s, rooms[c.Room], err))
		}
		var list []string
		for _, m := range members.Members {
			list = append(list, m.UserID)
			names, n := truth[m.UserID], 0
			for _, k := range names {
				n += k
			}
			if names != nil && (names[m.Username] == 0 || n != m.Connections) {
				found = append(found, fmt.Sprintf("server %d has %+v, not %v", s, m, names))
			}
		}
		if slices.Sort(list); !slices.Equal(list, users) {
			found = append(found, fmt.Sprintf("server %d lists %v", s, list))
		}
	}
	if found != nil {
		found = append(found, fmt.Sprintf("truth: %v", users))
	}
	return found
}

func (c *Cluster) get(server int, path string, v any) error {
	s := c.servers[server]
	resp, err := s.Client.Get(s.URL + path + "?as=reader")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(b)))
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	return err
}
