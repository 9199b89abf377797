// Command basic is a chat server with its page, in memory:
//
//	go run ./examples/basic
//
// Open http://localhost:8080 in two browser tabs. The history ends with the program. For one that
// keeps it in a file, without a database to run, see -sqlite of examples/cluster; in a program of
// your own it is one option: chat.WithLog with package adapters/sqlitelog.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatpage"
)

// shutdownTime is how long members have to close.
const shutdownTime = 4 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // then the next signal ends the process
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		log.Fatal("basic: ", err)
	}
}

// run serves until ctx ends, and then shuts down gracefully.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("basic", flag.ExitOnError)
	addr := flags.String("addr", "localhost:8080", "the `address` to listen on")
	history := flags.Int("history", 50, "the number of `messages` that a user gets on joining a room")
	rate := flags.Float64("rate", 50, "the `messages` per second that a user may send; 0 is no limit")
	burst := flags.Int("burst", 500, "the `messages` that a user may send immediately one after the other")
	origins := flags.String("origins", "", "the `origins` of other sites whose pages may connect, separated by commas, such as https://app.example.com,http://localhost:3000")
	moderators := flags.String("moderators", "", "the `names` of users who may delete the messages of others, separated by commas; there are no accounts, so anybody can take such a name")
	flags.Parse(args)
	if flags.NArg() > 0 {
		return errors.New("only flags are allowed; see -help")
	}
	rooms, err := newServer(*history, *rate, *burst, *origins, *moderators)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: chatpage.Handler(rooms), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "chat: open %s in a browser; Ctrl-C ends the server\n", link(*addr, listener.Addr()))
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintln(stdout, "chat: shutting down")
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	err = rooms.Shutdown(ctx) // first: server does not know the connections of members
	if err != nil {
		log.Print("chat: some connections were cut off: ", err)
	}
	server.Shutdown(ctx) // the rest is idle, or an incomplete request
	return nil
}

// newServer returns an error for a wrong flag: options panic and say what is wrong.
func newServer(history int, rate float64, burst int, origins, moderators string) (rooms *chat.Server, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	comma := func(r rune) bool { return r == ',' }
	names := strings.FieldsFunc(moderators, comma)
	return chat.New(
		chat.WithModerator(func(_ context.Context, u chat.User, _ string) bool { return slices.Contains(names, u.Name) }),
		chat.WithHistory(history),
		chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: max(history, 1000)})), // for scrolling back
		chat.WithRateLimit(rate, burst),
		chat.WithOriginPatterns(strings.FieldsFunc(origins, func(r rune) bool { return r == ',' || r == ' ' })...),
	), nil
}

// link returns the URL of the page. asked is the address of the flag, and bound the address
// with the port.
func link(asked string, bound net.Addr) string {
	host, _, _ := net.SplitHostPort(asked)
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(bound.String())
	return "http://" + net.JoinHostPort(host, port)
}
