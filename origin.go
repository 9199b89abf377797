package chat

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat/internal/origin"
)

// mustOriginPattern parses a pattern and panics if no origin can match it.
func mustOriginPattern(s string) origin.Pattern {
	p, err := origin.ParsePattern(s)
	if err != nil {
		panic(fmt.Sprintf("chat: WithOriginPatterns: nothing matches %q: %v", s, err))
	}
	return p
}

// checkOrigin reports whether the request may come from where it does. A browser
// sends exactly one Origin with every WebSocket handshake (RFC 6455, section
// 10.2); what is no browser need not send any. cross is the origin if it is not
// the server's own.
func (s *Server) checkOrigin(r *http.Request) (cross string, ok bool) {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return "", true
	}
	if len(origins) > 1 {
		return "", false
	}
	o, err := origin.Parse(origins[0])
	if err == nil {
		own, err := origin.Parse(s.scheme(r) + "://" + r.Host)
		if err == nil && own == o {
			return "", true
		}
	}
	for i := range s.trust.origins {
		if p := &s.trust.origins[i]; p.Any || err == nil && p.Matches(&o) {
			return origins[0], true
		}
	}
	return "", false
}

// shareAnswer lets the pages of origins that are allowed read the answer, whatever
// it will be, and answers the preflight of an endpoint (Fetch standard, section
// 3.2.2). It reports whether to go on.
func (s *Server) shareAnswer(w http.ResponseWriter, r *http.Request, e endpoint) bool {
	h := w.Header()
	if len(s.trust.origins) > 0 {
		h.Add("Vary", "Origin")
	}
	cross, ok := s.checkOrigin(r)
	if !ok || cross == "" {
		return true
	}
	h.Set("Access-Control-Allow-Origin", cross)
	if r.Method != http.MethodOptions || e == noEndpoint {
		h.Set("Access-Control-Expose-Headers", "Retry-After")
		return true
	}
	h.Set("Access-Control-Allow-Methods", http.MethodGet)
	h.Set("Access-Control-Allow-Headers", "Authorization")
	w.WriteHeader(http.StatusNoContent)
	return false
}

// What is remembered of origins that were refused.
const (
	refusalPause = time.Minute // between two lines about one of them
	maxRefusals  = 64          // at a time; of more, their number is logged
	maxShown     = 200         // bytes of what came with a request, in a line
)

// refusals says when the refusal of an origin was logged.
type refusals struct {
	mu     sync.Mutex
	logged map[string]time.Duration // by the server's clock
	others int                      // requests refused since the last line about them
	told   time.Duration            // when that was; 0 for never
}

// note reports whether to log that an origin is refused. If it is one of too many,
// others is how many requests of such to log, or 0 for no line.
func (f *refusals) note(from string, now time.Duration) (log bool, others int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, ok := f.logged[from]; ok && now-at < refusalPause {
		return false, 0
	}
	if len(f.logged) >= maxRefusals {
		for o, at := range f.logged {
			if now-at >= refusalPause {
				delete(f.logged, o)
			}
		}
	}
	if len(f.logged) >= maxRefusals {
		if f.others++; f.told > 0 && now-f.told < refusalPause {
			return false, 0
		}
		others, f.others, f.told = f.others, 0, max(now, 1)
		return false, others
	}
	if f.logged == nil {
		f.logged = map[string]time.Duration{}
	}
	f.logged[from] = now
	return true, 0
}

// logRefusal says which origin was refused, and what allows it.
func (s *Server) logRefusal(r *http.Request) {
	from := headerText(r, "Origin")
	if strings.HasSuffix(from, "://"+r.Host) {
		s.logger.Once("scheme", slog.LevelWarn, "chat: page refused for its scheme: behind a TLS proxy, name it in WithTrustedProxies", "origin", from)
	}
	switch log, others := s.refusals.note(from, s.rooms.Clock()); {
	case log:
		s.logger.Info("chat: page of a foreign origin refused", "origin", from, "option", "WithOriginPatterns")
	case others > 0:
		s.logger.Info("chat: pages of many foreign origins refused", "requests", others, "option", "WithOriginPatterns")
	}
}
