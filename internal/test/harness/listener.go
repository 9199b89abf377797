package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A Listener is a client of an event stream.
type Listener struct {
	T     testing.TB
	Retry string // the last time to come back after
	ID    string // the place of the last record that has one

	answer *http.Response
	lines  *bufio.Reader
	end    context.CancelFunc
}

// Listen opens the event stream of a room. Parameters whose names have a colon at the end
// are headers.
func Listen(t testing.TB, base, room string, params ...string) *Listener {
	t.Helper()
	l, answer := TryListen(t, http.DefaultClient, base, room, params...)
	if l == nil {
		b, _ := io.ReadAll(answer.Body)
		t.Fatalf("listen: %s %s", answer.Status, b)
	}
	return l
}

// TryListen is [Listen] with a client's own ways, which may be refused. Then it returns only
// the answer.
func TryListen(t testing.TB, c *http.Client, base, room string, params ...string) (*Listener, *http.Response) {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	patience := time.AfterFunc(Patience, end)
	t.Cleanup(func() { patience.Stop(); end() })
	answer, err := c.Do(eventsRequest(t, base, room, "", params).WithContext(ctx))
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		return nil, answer
	}
	return &Listener{T: t, answer: answer, lines: bufio.NewReader(answer.Body), end: end}, answer
}

// eventsRequest returns a request to the events of a room: a POST if there is a body.
func eventsRequest(t testing.TB, base, room, body string, params []string) *http.Request {
	t.Helper()
	q, h := url.Values{}, http.Header{}
	for i := 0; i+1 < len(params); i += 2 {
		if name, ok := strings.CutSuffix(params[i], ":"); ok {
			h.Set(name, params[i+1])
		} else {
			q.Set(params[i], params[i+1])
		}
	}
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, base+"/rooms/"+url.PathEscape(room)+"/events?"+q.Encode(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = h
	return r
}

// Say posts an object, or a text if it does not look like one, and returns the status and
// the body of the answer. Parameters are those of [Listen].
func Say(t testing.TB, base, room, body string, params ...string) (status int, answer string) {
	t.Helper()
	resp := Post(t, base, room, body, params...)
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

// Post is [Say] with the whole answer.
func Post(t testing.TB, base, room, body string, params ...string) *http.Response {
	t.Helper()
	return PostWith(t, http.DefaultClient, base, room, body, params...)
}

// PostWith is [Post] with a client's own ways.
func PostWith(t testing.TB, c *http.Client, base, room, body string, params ...string) *http.Response {
	t.Helper()
	r := eventsRequest(t, base, room, body, params)
	if r.Header["Content-Type"] == nil {
		r.Header.Set("Content-Type", "text/plain")
		if strings.HasPrefix(body, "{") {
			r.Header.Set("Content-Type", "application/json")
		}
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// Record returns the next record's object as it came, and its id; at the end of the stream
// the error.
func (l *Listener) Record() (id, object string, err error) {
	var data []string
	for {
		line, err := l.Line()
		if err != nil {
			return "", "", err
		}
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case field == "" && data != nil:
			if id != "" {
				l.ID = id
			}
			return id, strings.Join(data, "\n"), nil
		case field == "data":
			data = append(data, value)
		case field == "id":
			id = value
		case field == "retry":
			l.Retry = value
		}
	}
}

// Line returns the next line.
func (l *Listener) Line() (string, error) {
	line, err := l.lines.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

// Read returns the next object that is not only a place.
func (l *Listener) Read() (o Object, err error) {
	for o.Type == "" || o.Type == "position" {
		var s string
		if _, s, err = l.Record(); err == nil {
			err = json.Unmarshal([]byte(s), &o)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// Next returns the next object, and fails the test without one.
func (l *Listener) Next() Object {
	l.T.Helper()
	o, err := l.Read()
	if err != nil {
		l.T.Fatalf("read: %v", err)
	}
	return o
}

// Until returns the next object of the type, passing over others.
func (l *Listener) Until(typ string) Object {
	l.T.Helper()
	for {
		if o := l.Next(); o.Type == typ {
			return o
		}
	}
}

// TextOf returns the next object of a type as it came, and its id, passing over others.
func (l *Listener) TextOf(typ string) (id, object string) {
	l.T.Helper()
	for {
		id, s, err := l.Record()
		if err != nil {
			l.T.Fatalf("read: %v", err)
		}
		if strings.HasPrefix(s, `{"type":"`+typ+`"`) {
			return id, s
		}
	}
}

// Ended reads to the end of the stream, which is one in order, and returns the last object.
func (l *Listener) Ended() (last Object) {
	l.T.Helper()
	for {
		o, err := l.Read()
		if err == io.EOF {
			return last
		}
		if err != nil {
			l.T.Fatalf("the stream ends with %v after %+v", err, last)
		}
		last = o
	}
}

// Leave ends the request, as a client does that goes.
func (l *Listener) Leave() { l.end() }
