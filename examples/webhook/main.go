// Command webhook is a chat server that sends each message, and each change of one, to other
// services as an HTTP request.
//
//	WEBHOOK_SECRET=whsec_... go run . -data chat.db -to https://hooks.example.com/chat
//
// Each service gets each event at least once, those of a room in their order, also after a crash.
// The requests are those of Standard Webhooks (https://www.standardwebhooks.com): signed, with an
// id that stays the same when a request is repeated.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
	"github.com/seed-08328bfd/chat/chatpage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal("webhook: ", err)
	}
}

// urls is a flag that may be given several times.
type urls []string

func (u *urls) String() string     { return strings.Join(*u, " ") }
func (u *urls) Set(s string) error { *u = append(*u, s); return nil }

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	var to urls
	flags := flag.NewFlagSet("webhook", flag.ContinueOnError)
	addr := flags.String("addr", "localhost:8080", "the `address` to listen on")
	data := flags.String("data", "chat.db", "the `file` that keeps the rooms, and how far each service has got")
	hosts := flags.String("hosts", "", "the `hosts` that may be sent to, separated by commas; by default those of -to")
	private := flags.Bool("private", false, "allow http and addresses in private networks, to try it out")
	giveUp := flags.Duration("give-up", 72*time.Hour, "skip an event that could not be delivered, when it is so old")
	flags.Var(&to, "to", "the `URL` of a service; may be given several times")
	if err := flags.Parse(args); err != nil {
		return err
	}
	keys, err := parseSecrets(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		return err
	}
	var endpoints []*endpoint
	for _, u := range to {
		e, err := newEndpoint(u, *hosts, *private)
		if err != nil {
			return err
		}
		e.keys, e.giveUp = keys, *giveUp
		endpoints = append(endpoints, e)
	}
	file, err := sqlitelog.Open(*data)
	if err != nil {
		return err
	}
	defer file.CloseFile()
	srv := chat.New(chat.WithLog(file))
	defer srv.Close()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	defer sending.Wait()
	defer cancel()
	for _, e := range endpoints {
		sending.Go(func() { e.follow(ctx, srv) })
	}
	server := &http.Server{Handler: chatpage.Handler(srv), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }() // ends with Shutdown
	fmt.Fprintf(stdout, "http://%s\n", listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	return errors.Join(srv.Shutdown(end), server.Shutdown(end))
}

// follow sends what is new in any room to e until ctx ends, or e wants nothing more. Each service
// has a place of its own in the log, so one that is slow or down holds up no other.
func (e *endpoint) follow(ctx context.Context, srv *chat.Server) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := srv.FollowAll(ctx, e.consumer(), chat.FromStart, func(ctx context.Context, b chat.Batch) error {
		err := e.deliver(ctx, &b)
		if errors.Is(err, errGone) {
			cancel(err)
		}
		return err
	})
	if context.Cause(ctx) == errGone {
		slog.Warn("webhook: the service wants nothing more", "url", e.url)
		return // its place stays: remove it with RemoveConsumer if it is not to come back
	}
	if err != nil && ctx.Err() == nil {
		slog.Error("webhook: stopped", "url", e.url, "err", err)
	}
}
