//go:build js && wasm

// Command wasm tests package client under GOOS=js, for interop.test.js. It uses a real server,
// and a server that closes connections as the test says.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	try := talk
	if os.Args[2] == "closes" {
		try = closes
	}
	if err := try(ctx, os.Args[1]); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

// talk sends to a real server, and makes every kind of request.
func talk(ctx context.Context, server string) error {
	c, err := client.Dial(ctx, server, "wasm", client.WithUsername("Wasm"))
	if err != nil {
		return err
	}
	defer c.Close()
	offset, err := c.Send(ctx, "hello, wörld")
	if err != nil {
		return err
	}
	for e, err := range c.Events(ctx) {
		if err != nil {
			return err
		}
		if e.Type == chat.TypeMessage && e.Offset == offset {
			if e.Text != "hello, wörld" || e.Username != "Wasm" {
				return fmt.Errorf("got %+v", e)
			}
			break
		}
	}
	if err := c.Ping(ctx); err != nil {
		return err
	}
	page, err := c.History(ctx, chat.Query{})
	if err != nil || len(page.Events) == 0 {
		return fmt.Errorf("history %v, %w", page, err)
	}
	var refused *client.Error
	if _, err := c.SendPrivate(ctx, "anon-nobody", "psst"); !errors.As(err, &refused) || refused.Code != client.CodeNoSuchUser {
		return fmt.Errorf("private: %w", err)
	}
	// A second client, with the first one's session, is the same user.
	other, err := client.Dial(ctx, server, "wasm", client.WithSession(c.Welcome().Session), client.WithoutEvents())
	if err != nil {
		return err
	}
	defer other.Close()
	if other.Welcome().User != c.Welcome().User {
		return errors.New("the session belongs to another user")
	}
	// When a page may repeat a request, it gets the reason for the refusal.
	_, err = client.Dial(ctx, server, "wasm", client.WithUsername("a\tb"))
	if !errors.As(err, &refused) || refused.Code != "bad_name" || refused.Status != 400 {
		if os.Args[2] != "node" || err == nil { // Go has no network there
			return fmt.Errorf("bad name: %w", err)
		}
	}
	return rooms(ctx, server)
}

// rooms is in two rooms over one connection, and leaves one.
func rooms(ctx context.Context, server string) error {
	conn, err := client.Connect(ctx, server, client.WithUsername("Wasm"))
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, name := range []string{"wasm-1", "wasm-2"} {
		room, err := conn.Join(ctx, name)
		if err != nil {
			return err
		}
		if _, err := room.Send(ctx, "to "+name); err != nil {
			return err
		}
		for e, err := range room.Events(ctx) {
			if err != nil {
				return err
			}
			if e.Type == chat.TypeMessage {
				if e.Text != "to "+name || room.Welcome().User != conn.Welcome().User {
					return fmt.Errorf("got %+v", e)
				}
				break
			}
		}
		if name == "wasm-1" {
			room.Close()
			if _, err := room.Send(ctx, "late"); err != client.ErrClosed {
				return fmt.Errorf("after Close: %w", err)
			}
		}
	}
	return nil
}

// closes lets its connection be cut, resumes at its position, and is removed.
func closes(ctx context.Context, server string) error {
	c, err := client.Dial(ctx, server, "r", client.WithBackoff(time.Millisecond, time.Millisecond), client.WithToken("secret"))
	if err != nil {
		return err
	}
	defer c.Close()
	var got string
	for e, err := range c.Events(ctx) {
		var closed *client.Error
		switch {
		case errors.As(err, &closed) && closed.Close == chat.CloseForbidden && closed.Message == "stay out":
			if got != "one two three " {
				return fmt.Errorf("got %q", got)
			}
			return nil
		case err != nil:
			return err
		case e.Type == client.TypeGap:
			return errors.New("a gap")
		case e.Type == chat.TypeMessage:
			got += e.Text + " "
		}
	}
	return nil
}
