package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/centrifugal/centrifuge"
)

// centrifugeServer speaks centrifuge's own JSON protocol. The server subscribes each connection
// to its room, and the client publishes with the publish command. A client without a room in its
// path names its rooms in the data of the connect command, as a JSON array.
type centrifugeServer struct {
	node     *centrifuge.Node
	ws       http.Handler
	keep     []centrifuge.PublishOption // how much history is kept; none: no history
	counters sync.Map                   // of rooms, by name
}

type centrifugeRoom struct{}

func newCentrifuge(presence bool) (*centrifugeServer, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	s := &centrifugeServer{node: node}
	var subscription centrifuge.SubscribeOptions
	if presence {
		subscription = centrifuge.SubscribeOptions{EmitPresence: true, EmitJoinLeave: true, PushJoinLeave: true, EnableRecovery: true}
		s.keep = []centrifuge.PublishOption{centrifuge.WithHistory(50, time.Hour)}
	}
	node.OnConnecting(func(ctx context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		rooms := []string{ctx.Value(centrifugeRoom{}).(string)}
		if rooms[0] == "" && json.Unmarshal(e.Data, &rooms) != nil {
			return centrifuge.ConnectReply{}, centrifuge.DisconnectBadRequest
		}
		reply := centrifuge.ConnectReply{Subscriptions: make(map[string]centrifuge.SubscribeOptions, len(rooms))}
		for _, room := range rooms {
			reply.Subscriptions[room] = subscription
		}
		return reply, nil
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
	result, err := s.node.Publish(e.Channel, v.(*counter).encode(c.UserID(), []byte(text)), s.keep...)
	return centrifuge.PublishReply{Result: &result}, err
}
