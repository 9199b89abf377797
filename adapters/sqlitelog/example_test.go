package sqlitelog_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
)

// A server keeps its rooms in a file, and finds them there after a restart.
func Example() {
	folder, err := os.MkdirTemp("", "chat")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	for range 2 {
		rooms, err := sqlitelog.Open(filepath.Join(folder, "chat.db"), sqlitelog.WithKeepFor(90*24*time.Hour))
		if err != nil {
			log.Fatal(err)
		}
		srv := chat.New(chat.WithLog(rooms)) // an http.Handler

		hello := chat.Message{Username: "Alice", Text: "Hello!", ID: "greeting-1"}
		e, err := srv.Publish(context.Background(), "general", hello)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Offset, e.Username, e.Text)

		srv.Close()
		if err := rooms.CloseFile(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 1 Alice Hello!
	// 1 Alice Hello!
}
