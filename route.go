package chat

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/seed-08328bfd/chat/internal/forwarded"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// endpoint is what a path leads to.
type endpoint int

const (
	noEndpoint endpoint = iota
	socketEndpoint
	roomsEndpoint
	messagesEndpoint
	membersEndpoint
)

// endpointOf returns the endpoint of a path's segments.
func endpointOf(path []string) endpoint {
	switch {
	case len(path) == 2 && path[0] == "ws":
		return socketEndpoint
	case len(path) == 1 && path[0] == "rooms":
		return roomsEndpoint
	case len(path) == 3 && path[0] == "rooms" && path[2] == "messages":
		return messagesEndpoint
	case len(path) == 3 && path[0] == "rooms" && path[2] == "members":
		return membersEndpoint
	}
	return noEndpoint
}

// notFound answers that a path leads nowhere. One that ends as the server's do has
// most likely the place where it is mounted before it.
func (s *Server) notFound(w http.ResponseWriter, path []string) {
	text := "there is nothing at this path"
	for i := 1; i < len(path); i++ {
		if endpointOf(path[i:]) == noEndpoint {
			continue
		}
		before := strings.Trim(strings.Join(path[:i], "/"), "/")
		if before == "" {
			continue // slashes, which nothing strips
		}
		s.logger.Once("mount", slog.LevelWarn, "chat: a path has something before it that is not the server's: http.StripPrefix is missing where it is mounted, or the client's URL is wrong",
			"before", "/"+proto.CutText(before, forwarded.MaxShown))
		text += ": it has something before the server's own; http.StripPrefix is missing where the server is mounted, or the URL is wrong"
		break
	}
	httpError(w, http.StatusNotFound, "not_found", text)
}
