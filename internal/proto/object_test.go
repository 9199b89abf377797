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

func TestNewKeys(t *testing.T) {
	o, e := ParseObject([]byte(`{"type":"edit","data":{"a": [1]},"reply_to":7,"offset":8,"name":"n","target":9,"reaction":"x","remove":true,"before":1}`))
	if e != nil {
		t.Fatal(e)
	}
	for want, v := range map[string]Value{`{"a": [1]}`: o.Data, "7": o.ReplyTo, "8": o.Offset, `"n"`: o.Name, "9": o.Target, `"x"`: o.Reaction, "true": o.Remove, "1": o.page.before} {
		if string(v) != want {
			t.Errorf("%s, want %s", v, want)
		}
	}
}

func TestPlacesAndBools(t *testing.T) {
	for text, want := range map[string]uint64{"1": 1, "9007199254740991": 1<<53 - 1, "": 0} {
		if n, e := Value(text).Place("target"); text != "" && (e != nil || n != want) {
			t.Errorf("%s: %d, %v", text, n, e)
		}
	}
	if n, e := Value(nil).Place("target"); n != 0 || e != nil {
		t.Errorf("not given: %d, %v", n, e)
	}
	for _, text := range []string{"0", "-1", "1.5", "1e3", "-0", "9007199254740992", "1e999", `"1"`, "null", "true", "[1]", "{}"} {
		if n, e := Value(text).Place("target"); e == nil || e.Code != CodeBadRequest {
			t.Errorf("%s: %d, %v", text, n, e)
		}
	}
	for _, text := range []string{"1", "0", "null", `"true"`, "{}", "[]"} {
		if _, e := Value(text).Bool("remove"); e == nil || e.Code != CodeBadRequest {
			t.Errorf("%s: %v", text, e)
		}
	}
}

func TestSignalNames(t *testing.T) {
	for name, want := range map[string]bool{
		"cursor": true, "a.b_c-9": true, "x": true, "abcdefghijklmnopqrstuvwxyz012345": true,
		"": false, "abcdefghijklmnopqrstuvwxyz0123456": false, "A": false, "a b": false, "é": false, "a/": false, "a\x00": false,
	} {
		if IsSignalName(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
}
