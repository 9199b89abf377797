package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What differs from one recording to the next, in the JSON text of what the server sends.
var (
	times    = regexp.MustCompile(`"(time|edited)":"` + timeForm + `"`)
	retries  = regexp.MustCompile(`"(retry|retry_after_ms)":\d+`)
	sessions = regexp.MustCompile(`"user":"([^"]*)","username":"([^"]*)","session":"([^"]+)"`)
	epochs   = regexp.MustCompile(`"(?:id|position)":"([a-z0-9]{16}-\d+):\d+"`)
	users    = regexp.MustCompile(`anon-[a-z2-7]{16}`)
)

// record returns the pattern of a JSON text: what differs from one recording to the next gets a
// name.
func (p *Player) record(text []byte) []byte {
	s := times.ReplaceAllString(string(text), `"$1":"$${time}"`)
	s = retries.ReplaceAllString(s, `"$1":"$${int}"`)
	names := map[string]string{} // by value
	for name, value := range p.values {
		names[value] = name
	}
	add := func(value, name string) {
		if names[value] != "" || value == "" {
			return
		}
		taken := func(name string) bool {
			_, ok := p.values[name]
			return ok
		}
		free := name
		for n := 2; taken(free); n++ {
			free = fmt.Sprint(name, n)
		}
		names[value], p.values[free] = free, value
	}
	for _, m := range sessions.FindAllStringSubmatch(s, -1) {
		name := strings.ToLower(m[2])
		add(m[1], name)
		add(m[3], name+".session")
	}
	for _, m := range epochs.FindAllStringSubmatch(s, -1) {
		add(m[1], "epoch")
	}
	for _, m := range users.FindAllString(s, -1) {
		add(m, "user")
	}
	values := make([]string, 0, len(names))
	for value := range names {
		if len(value) >= 16 { // a shorter one may be part of a word
			values = append(values, value)
		}
	}
	slices.Sort(values)
	for _, value := range values {
		s = strings.ReplaceAll(s, value, "${"+names[value]+"}")
	}
	return []byte(s)
}
