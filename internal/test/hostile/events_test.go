package hostile

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// listening returns a request for an event stream with these headers.
func listening(query string, header ...string) string {
	return harness.Request("GET", "/rooms/e/events?"+query, header...)
}

// posting returns a POST of the body, which has the content type typ.
func posting(query, typ, body string, header ...string) string {
	return harness.Request("POST", "/rooms/e/events?"+query, append(header, "Content-Type: "+typ, fmt.Sprint("Content-Length: ", len(body)))...) + body
}

const (
	jsonType  = "application/json"
	plainType = "text/plain"
	badLastID = "Last-Event-ID: "
)

var allowEvents = []string{"Allow: GET, POST"}

var events = []httpRow{
	{"S1 HEAD", harness.Request("HEAD", "/rooms/e/events"), 405, "", allowEvents},
	{"S1 PUT", harness.Request("PUT", "/rooms/e/events"), 405, "method_not_allowed", allowEvents},
	{"S1 OPTIONS", harness.Request("OPTIONS", "/rooms/e/events"), 405, "method_not_allowed", allowEvents},
	{"S2 no room", harness.Request("GET", "/rooms//events"), 400, "bad_room", nil},
	{"S2 a bad room", harness.Request("GET", "/rooms/../events"), 400, "bad_room", nil},
	{"S2 a slash at the end", harness.Request("GET", "/rooms/e/events/"), 404, "not_found", nil},
	{"S3 a bad name", listening("username=%00"), 400, "bad_name", nil},
	{"S3 a bad session", listening("session=x"), 400, "bad_request", nil},
	{"S3 a bad since", listening("since=x"), 400, "bad_request", nil},
	{"S3 a bad query", listening("username=%zz"), 400, "bad_request", nil},
	{"S4 no place", listening("", badLastID+"x"), 400, "bad_request", nil},
	{"S4 no epoch", listening("", badLastID+":1"), 400, "bad_request", nil},
	{"S4 no offset", listening("", badLastID+"e:"), 400, "bad_request", nil},
	{"S4 a negative offset", listening("", badLastID+"e:-1"), 400, "bad_request", nil},
	{"S4 a huge offset", listening("", badLastID+"e:99999999999999999999"), 400, "bad_request", nil},
	{"S4 a huge epoch", listening("", badLastID+strings.Repeat("e", 65)+":1"), 400, "bad_request", nil},
	{"S4 a comma", listening("", badLastID+"e:1, e:2"), 400, "bad_request", nil},
	{"S4 not ASCII", listening("", badLastID+"ē:1"), 400, "bad_request", nil},
	{"S4 two of them", listening("", badLastID+"e:1", badLastID+"e:1"), 400, "bad_request", nil},
	{"S4 a bad since beside a good one", listening("since=x", badLastID+"e:1"), 400, "bad_request", nil},
	{"S5 another type", listening("", "Accept: application/json"), 406, "not_acceptable", nil},
	{"S5 not this one", listening("", "Accept: */*, text/event-stream;q=0"), 406, "not_acceptable", nil},
	{"S5 no text", listening("", "Accept: text/*;q=0.0, */*"), 406, "not_acceptable", nil},
	{"S5 garbage", listening("", "Accept: ;;,"), 406, "not_acceptable", nil},
	{"S6 a body", listening("", "Content-Length: 1") + "x", 400, "bad_request", nil},
	{"S6 a body in chunks", listening("", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400, "bad_request", nil},

	{"S10 no type", harness.Request("POST", "/rooms/e/events", "Content-Length: 1") + "x", 415, "unsupported_media_type", []string{"Accept-Post: application/json, text/plain"}},
	{"S10 a form", posting("", "application/x-www-form-urlencoded", "hello"), 415, "unsupported_media_type", nil},
	{"S10 a form with a file", posting("", "multipart/form-data; boundary=x", "--x--"), 415, "unsupported_media_type", nil},
	{"S10 HTML", posting("", "text/html", "hello"), 415, "unsupported_media_type", nil},
	{"S10 another charset", posting("", "text/plain; charset=iso-8859-1", "hello"), 415, "unsupported_media_type", nil},
	{"S10 another charset of JSON", posting("", "application/json; charset=utf-16", "{}"), 415, "unsupported_media_type", nil},
	{"S10 two types", posting("", plainType, "hello", "Content-Type: text/plain"), 415, "unsupported_media_type", nil},
	{"S10 garbage", posting("", "text/plain; =", "hello"), 415, "unsupported_media_type", nil},
	{"S10 compressed", posting("", plainType, "hello", "Content-Encoding: gzip"), 415, "unsupported_media_type", nil},
	{"S11 UTF-8", posting("", `Text/Plain; charset="UTF-8"`, "hello"), 200, "", nil},
	{"S11 not compressed", posting("", jsonType, `{"type":"message","message":"x"}`, "Content-Encoding: identity"), 200, "", nil},
	{"S12 no body", posting("", plainType, ""), 400, "empty_message", nil},
	{"S12 blank", posting("", plainType, " \n"), 400, "empty_message", nil},
	{"S12 not UTF-8", posting("", plainType, "a\xff"), 400, "bad_utf8", nil},
	{"S12 not UTF-8 in JSON", posting("", jsonType, "{\"type\":\"message\",\"message\":\"\xff\"}"), 400, "bad_utf8", nil},
	{"S12 half a pair", posting("", jsonType, `{"type":"message","message":"\ud800"}`), 400, "bad_utf8", nil},
	{"S13 no JSON", posting("", jsonType, "hello"), 400, "bad_json", nil},
	{"S13 an array", posting("", jsonType, `[{"type":"typing"}]`), 400, "bad_json", nil},
	{"S13 two objects", posting("", jsonType, `{"type":"typing"}{"type":"typing"}`), 400, "bad_json", nil},
	{"S13 a key twice", posting("", jsonType, `{"type":"message","type":"typing"}`), 400, "bad_json", nil},
	{"S13 10,000 deep", posting("", jsonType, strings.Repeat("[", 10_000)), 400, "bad_json", nil},
	{"S13 no type", posting("", jsonType, `{}`), 400, "bad_request", nil},
	{"S13 an unknown type", posting("", jsonType, `{"type":"x"}`), 400, "unknown_type", nil},
	{"S13 a long id", posting("", jsonType, `{"type":"message","message":"x","id":"`+strings.Repeat("i", 65)+`"}`), 400, "bad_request", nil},
	{"S13 of a connection", posting("", jsonType, `{"type":"history"}`), 400, "bad_request", nil},
	{"S13 of a connection with many rooms", posting("", jsonType, `{"type":"join","room":"a"}`), 400, "bad_request", nil},
	{"S13 data deeper than 32", posting("", jsonType, `{"type":"message","data":`+strings.Repeat(`{"a":`, 33)+"1"+strings.Repeat("}", 34)), 400, "bad_request", nil},
	{"S14 a long text", posting("", plainType, strings.Repeat("x", 16<<10+1)), 413, "too_long", nil},
	{"S14 a long text in JSON", posting("", jsonType, `{"type":"message","message":"`+strings.Repeat("x", 16<<10+1)+`"}`), 413, "too_long", nil},
	{"S14 a body of a gigabyte, it says", harness.Request("POST", "/rooms/e/events", "Content-Type: text/plain", "Content-Length: 1000000000"), 413, "too_long", nil},
	{"S14 a large body without a length", harness.Request("POST", "/rooms/e/events", "Content-Type: application/json", "Transfer-Encoding: chunked") + "20000\r\n" + strings.Repeat(" ", 1<<17) + "\r\n0\r\n\r\n", 413, "too_long", nil},
	{"S15 a foreign page's form", posting("", plainType, "hello", "Origin: https://evil.example"), 403, "forbidden", nil},
	{"S15 a page of no origin", posting("", plainType, "hello", "Origin: null"), 403, "forbidden", nil},
	{"S15 a foreign page that listens", listening("", "Origin: https://evil.example"), 403, "forbidden", nil},
	{"S15 an image of a foreign page", listening("", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"), 403, "forbidden", nil},
	{"S15 a link on a page of the same site", listening("", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate"), 403, "forbidden", nil},
	{"S16 no such user", posting("", jsonType, `{"type":"private","to":"anon-nobody","message":"x"}`), 404, "no_such_user", nil},
	{"S16 no such message", posting("", jsonType, `{"type":"edit","target":99,"message":"x"}`), 404, "no_such_message", nil},
	{"S16 a marker of nobody", posting("", jsonType, `{"type":"read","offset":1}`), 401, "unauthorized", nil},
}

// TestBadEvents sends what is refused, and says that it leaves a room alone.
func TestBadEvents(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet)
	runHTTP(t, base, events)
}

// TestEventsAccepted opens streams with headers that must not be refused.
func TestEventsAccepted(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet)
	for _, header := range []string{
		"Accept: */*", "Accept: text/event-stream", "Accept: text/html, text/*;q=0.1", "Accept: TEXT/Event-Stream;q=1.0",
		"Accept: */*;q=0, text/event-stream", "Accept:", "Range: bytes=0-1", "If-None-Match: *", "Last-Event-ID:",
		"Origin: " + base, "Content-Length: 0", "Connection: close", "Sec-Fetch-Site: none", "Sec-Fetch-Site: same-origin",
	} {
		key, value, _ := strings.Cut(header, ":")
		l := harness.Listen(t, base, "r", key+":", strings.TrimSpace(value))
		harness.Expect(t, header, l.Next().Type, "welcome")
		l.Leave()
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(harness.Patience))
	io.WriteString(c, "GET /rooms/r/events HTTP/1.0\r\n\r\n")
	all := ""
	for buf := make([]byte, 4096); !strings.Contains(all, `data: {"type":"welcome"`); {
		n, err := c.Read(buf)
		if all += string(buf[:n]); err != nil {
			t.Fatalf("HTTP/1.0: %v after %s", err, all)
		}
	}
	if !strings.Contains(all, " 200 OK\r\n") || strings.Contains(all, "chunked") {
		t.Errorf("HTTP/1.0: %s", all)
	}
}

// TestEventsHeaders checks what keeps what lies between from collecting or changing a stream.
func TestEventsHeaders(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithOriginPatterns("https://app.example"))
	_, answer := harness.TryListen(t, http.DefaultClient, base, "r", "Origin:", "https://app.example")
	for key, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
		"X-Content-Type-Options": "nosniff", "Content-Length": "", "Access-Control-Allow-Origin": "https://app.example", "Vary": "Origin",
	} {
		harness.Expect(t, key, answer.Header.Get(key), want)
	}
	r, _ := http.NewRequest("OPTIONS", base+"/rooms/r/events", nil)
	r.Header.Set("Origin", "https://app.example")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	harness.Listen(t, base, "r", "Origin:", "https://app.example", "Sec-Fetch-Site:", "cross-site").Leave()
	for key, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Methods": "GET, POST",
		"Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID",
	} {
		harness.Expect(t, "preflight: "+key, resp.Header.Get(key), want)
	}
}

// TestSlowBody sends a body that does not come to its end.
func TestSlowBody(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		start := time.Now()
		body, more := io.Pipe()
		go func() {
			for range 100 {
				time.Sleep(time.Second)
				more.Write([]byte("x"))
			}
		}()
		r, _ := http.NewRequest("POST", "http://pipe/rooms/r/events", body)
		r.Header.Set("Content-Type", "text/plain")
		resp, err := b.Client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		harness.Expect(t, "status", resp.StatusCode, 400)
		harness.Expect(t, "it took", time.Since(start), 7*time.Second)
		more.CloseWithError(io.ErrClosedPipe)
		time.Sleep(2 * time.Minute)
	}, chat.WithPing(time.Minute, 7*time.Second), harness.Quiet)
}

// TestStalledBody sends the beginning of a body, and nothing more. The answer comes in time, also
// one that does not need the body, and ends the connection.
func TestStalledBody(t *testing.T) {
	for _, row := range []struct{ method, path, typ, want string }{
		{"POST", "/rooms/r/events", plainType, "400 Bad Request"},
		{"POST", "/rooms/r/events", "text/html", "415 Unsupported Media Type"},
		{"POST", "/rooms/../events", plainType, "400 Bad Request"},
		{"GET", "/rooms/r/events", plainType, "400 Bad Request"},
	} {
		harness.InBubble(t, func(b *harness.Bubble) {
			c, err := b.Pipes.Dial(context.Background(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			c.SetReadDeadline(start.Add(time.Hour))
			io.WriteString(c, harness.Request(row.method, row.path, "Content-Type: "+row.typ, "Content-Length: 100")+"x")
			answer, err := io.ReadAll(c)
			harness.Expect(t, "error", err, nil)
			status, _, _ := strings.Cut(string(answer), "\r\n")
			harness.Expect(t, row.path, status, "HTTP/1.1 "+row.want)
			harness.Expect(t, "it took", time.Since(start), 7*time.Second)
		}, chat.WithPing(time.Minute, 7*time.Second), harness.Quiet)
	}
}

// TestSlowListener lets a listener fall behind: it ends when it is over the bound, and costs
// nobody else anything.
func TestSlowListener(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		listen := func() *harness.Listener {
			l, _ := harness.TryListen(b.T, &b.Client, "http://pipe", "r")
			l.Until("welcome")
			return l
		}
		slow, quick := listen(), listen()
		text := strings.Repeat("x", 16<<10)
		for range 100 {
			harness.Publish(t, b.Server, "r", text)
			harness.Expect(t, "the quick one got", len(quick.Until("message").Message), len(text))
		}
		harness.Expect(t, "closed for being slow", b.Stats().SlowCloses, 1)
		time.Sleep(11 * time.Second)
		harness.Expect(t, "connections", b.Stats().Connections, 1)
		if _, err := slow.Line(); err == nil { // what was in a buffer
			for err == nil {
				_, err = slow.Line()
			}
		}
		quick.Leave()
	}, chat.WithMaxLag(1<<20), chat.WithWriteTimeout(10*time.Second), harness.Quiet)
}
