package wsconn

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// CheckHandshake checks an opening handshake (RFC 6455, section 4.2.1). If it is wrong,
// CheckHandshake returns the status and the text of the answer, and sets the answer's
// headers; otherwise the status is 0.
func CheckHandshake(w http.ResponseWriter, r *http.Request) (status int, text string) {
	if !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket") || !r.ProtoAtLeast(1, 1) {
		offerUpgrade(w.Header(), r)
		return http.StatusUpgradeRequired, "this path speaks WebSocket"
	}
	if v := r.Header.Values("Sec-WebSocket-Version"); len(v) != 1 || v[0] != "13" {
		w.Header().Set("Sec-WebSocket-Version", "13")
		return http.StatusBadRequest, "Sec-WebSocket-Version must be 13"
	}
	keys := r.Header.Values("Sec-WebSocket-Key")
	if len(keys) != 1 {
		return http.StatusBadRequest, "there must be one Sec-WebSocket-Key"
	}
	if k, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(keys[0])); err != nil || len(k) != 16 {
		return http.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64"
	}
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return http.StatusBadRequest, "a handshake has no body"
	}
	return 0, ""
}

// offerUpgrade sets the headers of a 426 (RFC 9110, section 15.5.22). HTTP/2 has none of
// them (RFC 9113, section 8.2.2). If net/http closes the connection, it would replace a
// Connection header without "close" by one with nothing else.
func offerUpgrade(h http.Header, r *http.Request) {
	if r.ProtoMajor > 1 {
		return
	}
	connection := "Upgrade"
	switch {
	case r.Close:
		connection = "Upgrade, close"
	case !r.ProtoAtLeast(1, 1): // the client has asked for keep-alive
		connection = "Upgrade, keep-alive"
	}
	h.Set("Connection", connection)
	h.Set("Upgrade", "websocket")
}

// hasToken reports whether a header's list has token, in upper or lower case.
func hasToken(h http.Header, key, token string) bool {
	for _, v := range h.Values(key) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
