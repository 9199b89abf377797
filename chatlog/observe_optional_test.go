package chatlog_test

import (
	"context"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// TestObserveKeepsTheOptionalInterfaces observes logs with each combination of the optional
// interfaces.
func TestObserveKeepsTheOptionalInterfaces(t *testing.T) {
	if len(optional) != 4 {
		t.Fatalf("the optional interfaces are %v: this test and Observe know of four", optional)
	}
	full := &silent{}
	for _, l := range []chatlog.Log{
		struct{ log }{full},
		struct {
			log
			tracks
		}{full, full},
		struct {
			log
			paces
		}{full, full},
		struct {
			log
			paces
			tracks
		}{full, full, full},
		struct {
			log
			marks
		}{full, full},
		struct {
			log
			marks
			tracks
		}{full, full, full},
		struct {
			log
			marks
			paces
		}{full, full, full},
		struct {
			log
			marks
			paces
			tracks
		}{full, full, full, full},
		struct {
			log
			amends
		}{full, full},
		struct {
			log
			amends
			tracks
		}{full, full, full},
		struct {
			log
			amends
			paces
		}{full, full, full},
		struct {
			log
			amends
			paces
			tracks
		}{full, full, full, full},
		struct {
			log
			amends
			marks
		}{full, full, full},
		struct {
			log
			amends
			marks
			tracks
		}{full, full, full, full},
		struct {
			log
			amends
			marks
			paces
		}{full, full, full, full},
		full,
	} {
		o := chatlog.Observe(l, func(ctx context.Context, _ chatlog.Call) (context.Context, func(error)) { return ctx, nil })
		if got, want := able(o), able(l); got != want {
			t.Errorf("%T: %v, want %v", l, got, want)
		}
	}
}

// The optional interfaces without the methods of Store, which a log has already.
type (
	log    = chatlog.Log
	amends interface {
		Amend(context.Context, string, chatlog.Event, bool) (chatlog.Appended, error)
	}
	marks  = chatlog.Marker
	paces  = chatlog.Pacer
	tracks interface {
		AddConsumer(context.Context, string, bool) error
		RemoveConsumer(context.Context, string) error
		Consumers(context.Context) ([]chatlog.Consumer, error)
		Behind(context.Context, string, []string, int) ([]string, error)
		Claim(context.Context, string, string, int, time.Duration) (chatlog.Claim, error)
		Grown() <-chan struct{}
	}
)

func able(l chatlog.Log) (able [4]bool) {
	_, able[0] = l.(chatlog.Amender)
	_, able[1] = l.(chatlog.Marker)
	_, able[2] = l.(chatlog.Pacer)
	_, able[3] = l.(chatlog.Tracker)
	return able
}
