package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

const hello = `{"type":"hello","protocol":"chat.v1","user":"me","username":"Me","session":"s1","limits":{"message_bytes":1000,"rate_per_second":0,"burst":0,"data_bytes":100,"rooms":100}}`

// in returns an object of the single-room connection as one of a room.
func in(room, object string) string {
	typ, rest, _ := strings.Cut(object, ",")
	return fmt.Sprintf("%s,%q:%q,%s", typ, "room", room, rest)
}

// welcomeIn returns the welcome of a room.
func welcomeIn(room, position, more string) string {
	return strings.Replace(welcomeTo(position, more), `"room":"r"`, fmt.Sprintf("%q:%q", "room", room), 1)
}

func left(room string, code int, reason string) string {
	return fmt.Sprintf(`{"type":"left","room":%q,"code":%d,"reason":%q}`, room, code, reason)
}

// refuseIn returns the error that answers what was heard.
func refuseIn(room string, o map[string]any, code string) string {
	return fmt.Sprintf(`{"type":"error","room":%q,"code":%q,"message":"no","id":%q}`, room, code, o["id"])
}

func (f *fake) connect(opts ...client.Option) *client.Conn {
	f.t.Helper()
	c, err := client.Connect(context.Background(), "http://pipe/chat", append([]client.Option{
		client.WithLogger(quiet), client.WithDialer(f.l.dial), client.WithBackoff(time.Second, time.Second),
	}, opts...)...)
	if err != nil {
		f.t.Fatalf("connect: %v", err)
	}
	return c
}

// enter joins a room of c.
func (f *fake) enter(c *client.Conn, room string, opts ...client.Option) *user {
	f.t.Helper()
	r, err := c.Join(context.Background(), room, opts...)
	if err != nil {
		f.t.Fatalf("join %s: %v", room, err)
	}
	return &user{r, f.t}
}

// want fails unless the next object that the client says has these keys and values.
func (p *peer) want(keys ...any) map[string]any {
	p.t.Helper()
	o := p.hear()
	for i := 0; i < len(keys); i += 2 {
		if got := o[keys[i].(string)]; !cmp.Equal(got, keys[i+1]) {
			p.t.Errorf("%v of %v, want %v", keys[i], o, keys[i+1])
		}
	}
	return o
}

// texts returns the texts of the next messages.
func (u *user) texts(n int) (all []string) {
	u.t.Helper()
	for range n {
		all = append(all, u.until(chat.TypeMessage).Text)
	}
	return all
}

// ended returns the error with which the events end.
func (u *user) ended() error {
	u.t.Helper()
	for _, err := range u.Events(soon(u.t)) {
		if err != nil {
			return err
		}
	}
	return nil
}

func codeOf(err error) string {
	if e := (*client.Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func closeOf(err error) int {
	if e := (*client.Error)(nil); errors.As(err, &e) {
		return e.Close
	}
	return 0
}
