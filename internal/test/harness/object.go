package harness

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
)

// Object is any object from a server.
type Object struct {
	Type       string          `json:"type"`
	Offset     uint64          `json:"offset"`
	Event      string          `json:"event"`
	Time       time.Time       `json:"time"`
	User       string          `json:"user"`
	Username   string          `json:"username"`
	To         string          `json:"to"`
	ToUsername string          `json:"to_username"`
	Message    string          `json:"message"`
	ID         string          `json:"id"`
	Code       string          `json:"code"`
	RetryMS    int64           `json:"retry_after_ms"`
	Room       string          `json:"room"`
	Session    string          `json:"session"`
	Moderator  bool            `json:"moderator"`
	Position   string          `json:"position"`
	Resumed    bool            `json:"resumed"`
	Gap        bool            `json:"gap"`
	Members    []chat.Member   `json:"members"`
	Count      int             `json:"member_count"`
	Messages   []Object        `json:"messages"`
	First      uint64          `json:"first"`
	More       bool            `json:"more"`
	Reason     string          `json:"reason"`
	Request    string          `json:"request"`
	Limits     json.RawMessage `json:"limits"`

	Data      json.RawMessage `json:"data"`
	ReplyTo   uint64          `json:"reply_to"`
	Target    uint64          `json:"target"`
	Reaction  string          `json:"reaction"`
	Remove    bool            `json:"remove"`
	Name      string          `json:"name"`
	Edited    time.Time       `json:"edited"`
	Reactions []chat.Reaction `json:"reactions"`
	Amended   uint64          `json:"amended"`
	Read      uint64          `json:"read"`
	Unread    int             `json:"unread"`
}

// UnmarshalJSON implements [json.Unmarshaler]. The code of a left object is a number.
func (o *Object) UnmarshalJSON(b []byte) error {
	type plain Object
	v := struct {
		*plain
		Code json.RawMessage `json:"code"`
	}{plain: (*plain)(o)}
	err := json.Unmarshal(b, &v)
	o.Code = strings.Trim(string(v.Code), `"`)
	return err
}

// Keys returns the keys of an object in order.
func Keys(t testing.TB, object string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	var names []string
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Value returns the JSON of a key's value in an object, unchanged.
func Value(t testing.TB, object, key string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	return string(m[key])
}

// Expect compares two values, and fails the test if they differ.
func Expect[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
