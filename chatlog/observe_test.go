package chatlog_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// silent is a log with all optional interfaces. Each call of a method panics, if asked to, or
// returns its error.
type silent struct {
	chatlog.Log
	seen  func(ctx context.Context, method string, args ...any)
	err   error
	panic bool
}

func (s *silent) call(ctx context.Context, method string, args ...any) error {
	s.seen(ctx, method, args...)
	if s.panic {
		panic("p")
	}
	return s.err
}

func (s *silent) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	return chatlog.Appended{Epoch: "e"}, s.call(ctx, "Append", room, e)
}
func (s *silent) Lookup(ctx context.Context, room, user, id string) (chatlog.Appended, error) {
	return chatlog.Appended{Epoch: "e"}, s.call(ctx, "Lookup", room, user, id)
}
func (s *silent) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	return chatlog.Page{First: 1}, s.call(ctx, "Read", room, r)
}
func (s *silent) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	return make([]chatlog.Position, 1), s.call(ctx, "Positions", rooms)
}
func (s *silent) Renew(ctx context.Context, room, seen string) (string, error) {
	return "e", s.call(ctx, "Renew", room, seen)
}
func (s *silent) Open(ctx context.Context, sink chatlog.Sink) error { return s.call(ctx, "Open", sink) }
func (s *silent) Watch(ctx context.Context, sink chatlog.Sink, room string) error {
	return s.call(ctx, "Watch", sink, room)
}
func (s *silent) Unwatch(sink chatlog.Sink, room string) {
	s.seen(context.Background(), "Unwatch", sink, room)
}
func (s *silent) Signal(ctx context.Context, room string, e chatlog.Event) error {
	return s.call(ctx, "Signal", room, e)
}
func (s *silent) Close(sink chatlog.Sink) error { return s.call(context.Background(), "Close", sink) }
func (s *silent) Enter(ctx context.Context, server, room string, m chatlog.Member) (bool, error) {
	return true, s.call(ctx, "Enter", server, room, m)
}
func (s *silent) Leave(ctx context.Context, server, room, user string) (bool, error) {
	return true, s.call(ctx, "Leave", server, room, user)
}
func (s *silent) Members(ctx context.Context, room string, limit int) (chatlog.MemberList, error) {
	return chatlog.MemberList{Total: 1}, s.call(ctx, "Members", room, limit)
}
func (s *silent) Present(ctx context.Context, room, user string) (chatlog.Member, bool, error) {
	return chatlog.Member{Connections: 1}, true, s.call(ctx, "Present", room, user)
}
func (s *silent) Rooms(ctx context.Context) (map[string]int, error) {
	return map[string]int{"r": 1}, s.call(ctx, "Rooms")
}
func (s *silent) Versions(ctx context.Context, rooms []string) ([]uint64, error) {
	return []uint64{1}, s.call(ctx, "Versions", rooms)
}
func (s *silent) Beat(ctx context.Context, server string, ttl time.Duration) (chatlog.Pulse, error) {
	return chatlog.Pulse{Held: true}, s.call(ctx, "Beat", server, ttl)
}
func (s *silent) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
	return chatlog.Appended{Epoch: "e"}, s.call(ctx, "Amend", room, e, moderator)
}
func (s *silent) MarkRead(ctx context.Context, room, user string, offset uint64) (uint64, bool, error) {
	return 1, true, s.call(ctx, "MarkRead", room, user, offset)
}
func (s *silent) Unread(ctx context.Context, user string, rooms []string) ([]chatlog.Unread, error) {
	return make([]chatlog.Unread, 1), s.call(ctx, "Unread", user, rooms)
}
func (s *silent) Pace(ctx context.Context, room, user, id string, every time.Duration) (time.Duration, error) {
	return 1, s.call(ctx, "Pace", room, user, id, every)
}

func (s *silent) AddConsumer(ctx context.Context, name string, skip bool) error {
	return s.call(ctx, "AddConsumer", name, skip)
}
func (s *silent) RemoveConsumer(ctx context.Context, name string) error {
	return s.call(ctx, "RemoveConsumer", name)
}
func (s *silent) Consumers(ctx context.Context) ([]chatlog.Consumer, error) {
	return make([]chatlog.Consumer, 1), s.call(ctx, "Consumers")
}
func (s *silent) Behind(ctx context.Context, name string, except []string, limit int) ([]string, error) {
	return []string{"r"}, s.call(ctx, "Behind", name, except, limit)
}
func (s *silent) Claim(ctx context.Context, name, room string, limit int, hold time.Duration) (chatlog.Claim, error) {
	return struct{ chatlog.Claim }{}, s.call(ctx, "Claim", name, room, limit, hold)
}
func (s *silent) Grown() <-chan struct{} {
	s.call(context.Background(), "Grown")
	return make(chan struct{})
}

// argument returns a value of the type that differs from its zero value.
func argument(t reflect.Type, n int) reflect.Value {
	v := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[context.Context]():
		v.Set(reflect.ValueOf(context.Background()))
	case t == reflect.TypeFor[chatlog.Event]():
		v.Set(reflect.ValueOf(chatlog.Event{Text: fmt.Sprint("text", n), Offset: uint64(n)}))
	case t.Kind() == reflect.String:
		v.SetString(fmt.Sprint("s", n))
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(n))
	case v.CanUint():
		v.SetUint(uint64(n))
	case t == reflect.TypeFor[[]string]():
		v.Set(reflect.ValueOf([]string{fmt.Sprint("room", n)}))
	}
	return v
}

type key struct{}

// TestObserve calls every method of a log through Observe: the arguments and the results pass,
// the context is the one of observe, and the end is told once, after the call.
func TestObserve(t *testing.T) {
	broken := errors.New("broken")
	for name, s := range map[string]*silent{"works": {}, "fails": {err: broken}, "panics": {panic: true}} {
		t.Run(name, func(t *testing.T) {
			var events []string
			var got []any
			s.seen = func(ctx context.Context, method string, args ...any) {
				events, got = append(events, fmt.Sprint(method, " ", ctx.Value(key{}))), args
			}
			o := chatlog.Observe(s, func(ctx context.Context, c chatlog.Call) (context.Context, func(error)) {
				events = append(events, "begin "+c.Method+" "+c.Room)
				return context.WithValue(ctx, key{}, "mine"), func(err error) {
					if name == "fails" && err != broken || name == "works" && err != nil || name == "panics" && err == nil {
						t.Errorf("%s ended with %v", c.Method, err)
					}
					events = append(events, "end")
				}
			})
			v := reflect.ValueOf(o)
			for i := range v.NumMethod() {
				m, method := v.Type().Method(i).Name, v.Method(i)
				var args []reflect.Value
				var want []any
				room := ""
				names := parameters[m]
				for j := range method.Type().NumIn() {
					a := argument(method.Type().In(j), j+1)
					args = append(args, a)
					if j > 0 || a.Type() != reflect.TypeFor[context.Context]() {
						want = append(want, a.Interface())
					}
					if names[j] == "room" {
						room = a.String()
					}
				}
				events = nil
				results, panicked := call(method, args)
				if panicked != (name == "panics" && m != "Unwatch") {
					t.Errorf("%s: panicked: %t", m, panicked)
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s got %v, want %v", m, got, want)
				}
				wantEvents := []string{"begin " + m + " " + room, m + " mine", "end"}
				if m == "Unwatch" || m == "Close" || m == "Grown" {
					wantEvents = []string{m + " <nil>"}
				}
				if !reflect.DeepEqual(events, wantEvents) {
					t.Errorf("%s: %q, want %q", m, events, wantEvents)
				}
				for j, r := range results {
					if j < len(results)-1 && r.IsZero() {
						t.Errorf("%s lost result %d", m, j)
					} else if j == len(results)-1 && m != "Grown" && (name == "fails") == r.IsNil() {
						t.Errorf("%s returned the error %v", m, r)
					}
				}
			}
		})
	}
}

func call(method reflect.Value, args []reflect.Value) (results []reflect.Value, panicked bool) {
	defer func() { panicked = recover() != nil }()
	return method.Call(args), false
}

// parameters are the names of the parameters of the methods of the interfaces in this package.
var parameters = map[string][]string{}

// optional are the interfaces of this package that embed Store and that Log does not.
var optional []string

func init() {
	files, err := filepath.Glob("*.go")
	if err != nil {
		panic(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			panic(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			i, ok := spec.Type.(*ast.InterfaceType)
			if !ok || strings.HasSuffix(spec.Name.Name, "Sink") || spec.Name.Name == "Claim" {
				return true
			}
			switch spec.Name.Name {
			case "Log", "Store", "Feed", "Presence":
			default:
				optional = append(optional, spec.Name.Name)
			}
			for _, m := range i.Methods.List {
				f, ok := m.Type.(*ast.FuncType)
				if !ok {
					continue
				}
				var names []string
				for _, p := range f.Params.List {
					for _, id := range p.Names {
						names = append(names, id.Name)
					}
				}
				parameters[m.Names[0].Name] = names
			}
			return true
		})
	}
}
