package protocol

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestFilterSeesLargeData: data that grows by the server's own escapes passes a filter that
// leaves it or adds to it, and what an event has can be published again.
func TestFilterSeesLargeData(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t, harness.Quiet, chat.WithFilter(func(_ context.Context, _ chat.User, _ string, m *chat.Message) error {
		if m.Text == "more" {
			m.Data = append(json.RawMessage(`{"more":1,`), m.Data[1:]...)
		}
		return nil
	}))
	p := harness.Dial(t, base, "r", true)
	data := `{"k":"` + strings.Repeat("<", 8<<10-8) + `"}`
	for i, text := range []string{"more", "as it is"} {
		p.Send(`{"type":"message","message":"` + text + `","data":` + data + `}`)
		e := p.Next()
		for e.Type != "message" && e.Type != "error" {
			e = p.Next()
		}
		var got map[string]any
		if err := json.Unmarshal(e.Data, &got); err != nil || len(got) != 2-i || len(got["k"].(string)) != 8<<10-8 {
			t.Fatalf("%s: %v, %s %.50s", text, err, e.Code, e.Data)
		}
		if i == 0 {
			continue
		}
		if again, err := srv.Publish(t.Context(), "r", chat.Message{Text: text, Data: e.Data}); err != nil || string(again.Data) != string(e.Data) {
			t.Errorf("again: %v", err)
		}
	}
}
