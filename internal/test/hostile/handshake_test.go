package hostile

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// httpRow is one request, as it goes over the wire, and the answer that it gets.
type httpRow struct {
	id      string
	request string
	status  int
	code    string   // in the body; "" for an answer by net/http itself, or no error
	headers []string // that the answer must have, as "Key: value"; without a value, any
}

// runHTTP goes through a table, one connection a row.
func runHTTP(t *testing.T, base string, rows []httpRow) {
	t.Helper()
	w := harness.Watch(t, base, "r")
	addr := strings.TrimPrefix(base, "http://")
	for _, row := range rows {
		c, err := wsconf.Dial(addr, row.request, time.Now().Add(harness.Patience))
		if err != nil {
			t.Errorf("%s: %v", row.id, err)
			continue
		}
		checkAnswer(t, row, c.Response, c.Body)
		c.Close()
	}
	w.Check(nil)
	t.Logf("%d rows", len(rows))
}

func checkAnswer(t *testing.T, row httpRow, resp *http.Response, body string) {
	t.Helper()
	if resp.StatusCode != row.status {
		t.Errorf("%s: status %d, want %d (%s)", row.id, resp.StatusCode, row.status, harness.Brief(body))
		return
	}
	if row.code != "" {
		var answer struct {
			Error struct{ Code, Message string }
		}
		dec := json.NewDecoder(strings.NewReader(body))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&answer); err != nil || answer.Error.Code != row.code || answer.Error.Message == "" {
			t.Errorf("%s: body %s, want an error %q", row.id, harness.Brief(body), row.code)
		}
		if !proto.Refuses(row.code, row.status) {
			t.Errorf("%s: clients take %d %s for a proxy's answer", row.id, row.status, row.code)
		}
		row.headers = append([]string{"Content-Type: application/json; charset=utf-8", "X-Content-Type-Options: nosniff", "Cache-Control: no-store"}, row.headers...)
	}
	for _, h := range row.headers {
		key, value, given := strings.Cut(h, ": ")
		if got := resp.Header.Get(key); got == "" || given && got != value {
			t.Errorf("%s: header %s is %q, want %q", row.id, key, got, value)
		}
	}
}

const (
	keyLine     = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
	versionLine = "Sec-WebSocket-Version: 13"
)

var (
	wants13      = []string{versionLine}
	wantsUpgrade = []string{"Upgrade: websocket", "Connection: Upgrade"}
	allowGET     = []string{"Allow: GET"}
	allowReading = []string{"Allow: GET, HEAD"}
)

var handshakes = []httpRow{
	{"H0 a good one", wsconf.Handshake("/ws/r"), 101, "", []string{"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}},
	{"H1 plain GET", harness.Request("GET", "/ws/r"), 426, "upgrade_required", wantsUpgrade},
	{"H3 POST", harness.Request("POST", "/ws/r", harness.UpgradeHeaders...), 405, "method_not_allowed", allowGET},
	{"H3 PUT", harness.Request("PUT", "/ws/r", harness.UpgradeHeaders...), 405, "method_not_allowed", allowGET},
	{"H3 DELETE", harness.Request("DELETE", "/ws/r", harness.UpgradeHeaders...), 405, "method_not_allowed", allowGET},
	{"H3 HEAD", harness.Request("HEAD", "/ws/r", harness.UpgradeHeaders...), 405, "", allowGET},
	{"H3 a method of no kind", harness.Request("FROB", "/ws/r", harness.UpgradeHeaders...), 405, "method_not_allowed", allowGET},
	{"H4 TRACE", harness.Request("TRACE", "/ws/r", harness.UpgradeHeaders...), 405, "method_not_allowed", allowGET},
	{"H4 CONNECT", harness.Request("CONNECT", "/ws/r", harness.UpgradeHeaders...), 405, "method_not_allowed", allowGET},
	{"H5 OPTIONS", harness.Request("OPTIONS", "/ws/r"), 405, "method_not_allowed", allowGET},
	{"H6 HTTP/1.0", strings.Replace(wsconf.Handshake("/ws/r"), "HTTP/1.1", "HTTP/1.0", 1), 426, "upgrade_required", wantsUpgrade[:1]},
	{"H6 HTTP/1.0, kept alive", "GET /ws/r HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", 426, "upgrade_required", []string{"Upgrade: websocket", "Connection: Upgrade, keep-alive"}},
	{"H7 no Connection", harness.HandshakeWithout("Connection:"), 426, "upgrade_required", wantsUpgrade},
	{"H7 Connection: close", harness.HandshakeWithout("Connection:", "Connection: close"), 426, "upgrade_required", wantsUpgrade[:1]},
	{"H7 Connection with more", harness.HandshakeWithout("Connection:", "Connection: keep-alive, UPGRADE"), 101, "", nil},
	{"H7 no Upgrade", harness.HandshakeWithout("Upgrade:"), 426, "upgrade_required", wantsUpgrade},
	{"H7 Upgrade: h2c", harness.HandshakeWithout("Upgrade:", "Upgrade: h2c"), 426, "upgrade_required", wantsUpgrade},
	{"H7 Upgrade: WebSocket", harness.HandshakeWithout("Upgrade:", "Upgrade: WebSocket"), 101, "", nil},
	{"H8 version 8", harness.HandshakeWithout("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 400, "bad_request", wants13},
	{"H8 version 13, 8", harness.HandshakeWithout("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8"), 400, "bad_request", wants13},
	{"H8 two versions", wsconf.Handshake("/ws/r", versionLine), 400, "bad_request", wants13},
	{"H8 version 013", harness.HandshakeWithout("Sec-WebSocket-Version", "Sec-WebSocket-Version: 013"), 400, "bad_request", wants13},
	{"H8 no version", harness.HandshakeWithout("Sec-WebSocket-Version"), 400, "bad_request", wants13},
	{"H9 no key", harness.HandshakeWithout("Sec-WebSocket-Key"), 400, "bad_request", nil},
	{"H9 empty key", harness.HandshakeWithout("Sec-WebSocket-Key", "Sec-WebSocket-Key: "), 400, "bad_request", nil},
	{"H9 short key", harness.HandshakeWithout("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="), 400, "bad_request", nil},
	{"H9 long key", harness.HandshakeWithout("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSBub25jZQ=="), 400, "bad_request", nil},
	{"H9 no base64", harness.HandshakeWithout("Sec-WebSocket-Key", "Sec-WebSocket-Key: ****************************"), 400, "bad_request", nil},
	{"H9 two keys", wsconf.Handshake("/ws/r", keyLine), 400, "bad_request", nil},
	{"H10 no Host", strings.Replace(wsconf.Handshake("/ws/r"), "Host: h\r\n", "", 1), 400, "", nil},
	{"H10 two Hosts", wsconf.Handshake("/ws/r", "Host: i"), 400, "", nil},
	{"H11 2 MB of headers", wsconf.Handshake("/ws/r", "X: "+strings.Repeat("x", 2<<20)), 431, "", nil},
	{"H11 2,000 headers", wsconf.Handshake("/ws/r", strings.TrimSuffix(strings.Repeat("X: y\r\n", 2000), "\r\n")), 101, "", nil},
	{"H12 a body", wsconf.Handshake("/ws/r", "Content-Length: 5") + "hello", 400, "bad_request", nil},
	{"H13 a chunked body", wsconf.Handshake("/ws/r", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n", 400, "bad_request", nil},
	{"H14 both", wsconf.Handshake("/ws/r", "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400, "bad_request", nil},
	{"H14 Content-Length twice", wsconf.Handshake("/ws/r", "Content-Length: 5", "Content-Length: 6") + "hello", 400, "", nil},
	{"H14 unknown coding", wsconf.Handshake("/ws/r", "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n", 501, "", nil},
	{"H15 NUL in a header", wsconf.Handshake("/ws/r", "X: a\x00b"), 400, "", nil},
	{"H15 space before the colon", wsconf.Handshake("/ws/r", "X : y"), 400, "", nil},
	{"H15 bad escape in the path", wsconf.Handshake("/ws/%zz"), 400, "", nil},
	{"H15 garbage", "\x00\x01\x02\r\n\r\n", 400, "", nil},
	{"H15 bad query", wsconf.Handshake("/ws/r?username=%zz"), 400, "bad_request", nil},
	{"H15 semicolon in the query", wsconf.Handshake("/ws/r?a=1;b=2"), 400, "bad_request", nil},
	{"H16 bare LF", strings.ReplaceAll(wsconf.Handshake("/ws/r"), "\r\n", "\n"), 101, "", nil},
	{"H18 nothing here", wsconf.Handshake("/"), 404, "not_found", nil},
	{"H18 no room, and no chat.v1", wsconf.Handshake("/ws"), 400, "bad_request", nil},
	{"H18 empty room", wsconf.Handshake("/ws/"), 400, "bad_room", nil},
	{"H18 dots", wsconf.Handshake("/ws/../ws/r"), 404, "not_found", nil},
	{"H18 dot", wsconf.Handshake("/ws/."), 400, "bad_room", nil},
	{"H18 two slashes first", wsconf.Handshake("//ws/r"), 404, "not_found", nil},
	{"H18 two slashes", wsconf.Handshake("/ws//r"), 404, "not_found", nil},
	{"H18 slash at the end", wsconf.Handshake("/ws/r/"), 404, "not_found", nil},
	{"H18 encoded slash", wsconf.Handshake("/ws%2fr"), 404, "not_found", nil},
	{"H18 upper case", wsconf.Handshake("/WS/r"), 404, "not_found", nil},
	{"H18 absolute form", wsconf.Handshake("http://h/ws/r"), 101, "", nil},
	{"H18 no path", harness.Request("OPTIONS", "*"), 200, "", nil}, // by net/http
	{"H20 unknown subprotocols", wsconf.Handshake("/ws/r", "Sec-WebSocket-Protocol: soap, wamp"), 101, "", nil},
	{"H20 200 of them", wsconf.Handshake("/ws/r", "Sec-WebSocket-Protocol: "+strings.Repeat("p, ", 200)+"chat.v1"), 101, "", []string{"Sec-WebSocket-Protocol: chat.v1"}},
	{"H20 beside a token", wsconf.Handshake("/ws/r", "Sec-WebSocket-Protocol: chat.v1, bearer."+strings.Repeat("x", 10<<10)), 101, "", []string{"Sec-WebSocket-Protocol: chat.v1"}},
	{"H20 in two headers", wsconf.Handshake("/ws/r", "Sec-WebSocket-Protocol: soap", harness.OfferV1), 101, "", []string{"Sec-WebSocket-Protocol: chat.v1"}},
	{"H20 malformed", wsconf.Handshake("/ws/r", "Sec-WebSocket-Protocol: ,,;=\", ,"), 101, "", nil},
	{"H25 POST /rooms", harness.Request("POST", "/rooms"), 405, "method_not_allowed", allowReading},
	{"H25 DELETE messages", harness.Request("DELETE", "/rooms/r/messages"), 405, "method_not_allowed", allowReading},
	{"H25 HEAD /rooms", harness.Request("HEAD", "/rooms"), 200, "", nil},
	{"H25 HEAD messages of a room called ws", harness.Request("HEAD", "/rooms/ws/messages"), 200, "", nil},
	{"H25 PUT members", harness.Request("PUT", "/rooms/r/members"), 405, "method_not_allowed", allowReading},
	{"H25 POST /unread", harness.Request("POST", "/unread"), 405, "method_not_allowed", allowReading},
	{"H25 /unread without a session", harness.Request("GET", "/unread?room=r"), 401, "unauthorized", nil},
	{"H25 /unread/", harness.Request("GET", "/unread/"), 404, "not_found", nil},
	{"H25 /rooms/", harness.Request("GET", "/rooms/"), 404, "not_found", nil},
	{"H25 /rooms/r", harness.Request("GET", "/rooms/r"), 404, "not_found", nil},
	{"H25 /rooms/r/other", harness.Request("GET", "/rooms/r/other"), 404, "not_found", nil},
	{"H25 /rooms/r/messages/1", harness.Request("GET", "/rooms/r/messages/1"), 404, "not_found", nil},
	{"H25 /rooms//messages", harness.Request("GET", "/rooms//messages"), 400, "bad_room", nil},
	{"H25 /rooms/../messages", harness.Request("GET", "/rooms/../messages"), 400, "bad_room", nil},
}

func TestBadHandshakes(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t)
	runHTTP(t, base, handshakes)
}
