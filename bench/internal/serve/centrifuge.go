package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/centrifugal/centrifuge"
)

// centrifugeServer speaks centrifuge's own JSON protocol. The server subscribes each connection
// to its room, and the client publishes with the publish command. No history is kept.
type centrifugeServer struct {
	node     *centrifuge.Node
	ws       http.Handler
	counters sync.Map // of rooms, by name
}

type centrifugeRoom struct{}

func newCentrifuge() (*centrifugeServer, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	s := &centrifugeServer{node: node}
	node.OnConnecting(func(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		room := ctx.Value(centrifugeRoom{}).(string)
		return centrifuge.ConnectReply{
			Subscriptions: map[string]centrifuge.SubscribeOptions{room: {}},
		}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnPublish(func(e centrifuge.PublishEvent, done centrifuge.PublishCallback) {
			done(s.publish(c, e))
		})
	})
	s.ws = centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{})
	return s, node.Run()
}

func (s *centrifugeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	room, username := names(r)
	ctx := centrifuge.SetCredentials(r.Context(), &centrifuge.Credentials{UserID: username})
	s.ws.ServeHTTP(w, r.WithContext(context.WithValue(ctx, centrifugeRoom{}, room)))
}

func (s *centrifugeServer) publish(c *centrifuge.Client, e centrifuge.PublishEvent) (centrifuge.PublishReply, error) {
	var text string
	if json.Unmarshal(e.Data, &text) != nil {
		return centrifuge.PublishReply{}, centrifuge.ErrorBadRequest
	}
	v, ok := s.counters.Load(e.Channel)
	if !ok {
		v, _ = s.counters.LoadOrStore(e.Channel, new(counter))
	}
	result, err := s.node.Publish(e.Channel, v.(*counter).encode(c.UserID(), []byte(text)))
	return centrifuge.PublishReply{Result: &result}, err
}
