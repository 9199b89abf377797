package proto

import "testing"

func BenchmarkParseObject(b *testing.B) {
	text := []byte(`{"type":"message","message":"Hello, everybody in the room!","id":"c1"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, e := ParseObject(text); e != nil {
			b.Fatal(e)
		}
	}
}
