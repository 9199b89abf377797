package chat

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// parseOffer reads the list of subprotocols. A session may ride in it, which no
// proxy or console logs, as they do the URL; it may also be the query's.
func (h *handshake) parseOffer(header http.Header, session string) error {
	h.session = session
	for _, offer := range header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(offer, ",") {
			p = strings.TrimSpace(p)
			h.v1 = h.v1 || p == proto.Subprotocol
			secret, ok := strings.CutPrefix(p, proto.SessionPrefix)
			switch {
			case !ok || secret == "" || secret == h.session:
			case h.session != "":
				return &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "there are two sessions"}
			default:
				h.session = secret
			}
		}
	}
	if h.session != "" && !isSession(h.session) {
		return &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "the session is not one that this server gave"}
	}
	return nil
}

const anonPrefix = "anon-"

func isAnonymous(id string) bool { return strings.HasPrefix(id, anonPrefix) }

// newSession returns a secret that stands for an anonymous user. The server need
// not remember it: the user's id is made from it, and cannot be turned back.
func newSession() string {
	var b [24]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func isSession(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 24 && len(s) == 32 // the decoder skips line ends
}

func anonymousID(session string) string {
	sum := sha256.Sum256([]byte("chat session " + session))
	return anonPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}
