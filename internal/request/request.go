// Package request reads what the objects of chat.v1 clients ask for.
package request

import (
	"fmt"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/names"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// Sizes are the most bytes that a message may have.
type Sizes struct{ Text, Data int }

// ID returns the client's own id of o; "" if it gave none or a bad one.
func ID(o *proto.Object) (string, *proto.Error) {
	id, e := o.ID.Text("id")
	if e == nil && len(id) > proto.MaxID {
		return "", proto.BadRequest("id has at most %d bytes", proto.MaxID)
	}
	return id, e
}

// Event returns the event of type typ that o asks for, as far as o says it. It has keys of
// the right types and sizes, and what must be there. typ is that of an entry of a log,
// TypeRead or TypeSignal.
func Event(o *proto.Object, typ chatlog.Type, s Sizes) (e chatlog.Event, err *proto.Error) {
	e.Type = typ
	switch typ {
	case chatlog.TypeMessage, chatlog.TypePrivate, chatlog.TypeEdit:
		err = content(&e, o, s)
	case chatlog.TypeReaction:
		err = reaction(&e, o)
	case chatlog.TypeRead:
		if o.Offset == nil {
			return e, proto.BadRequest("what was read needs the key offset")
		}
		e.Target, err = o.Offset.Number("offset")
	case chatlog.TypeSignal:
		err = signal(&e, o, s)
	}
	if err == nil && e.Amends() {
		if e.Target, err = o.Target.Place("target"); err == nil && e.Target == 0 {
			err = proto.BadRequest("it needs the key target, the offset of the message")
		}
	}
	return e, err
}

// content reads what a message says, and to whom.
func content(e *chatlog.Event, o *proto.Object, s Sizes) (err *proto.Error) {
	if e.Text, err = o.Message.Text("message"); err != nil {
		return err
	}
	if e.Data, err = o.Data.Data(s.Data); err != nil {
		return err
	}
	if err := CheckText(e.Text, len(e.Data) > 0, s.Text); err != nil {
		return err
	}
	if e.Type == chatlog.TypeEdit {
		return nil // it stays a reply, and private
	}
	if e.ReplyTo, err = o.ReplyTo.Place("reply_to"); err != nil || e.Type == chatlog.TypeMessage {
		return err
	}
	if e.To, err = o.To.Text("to"); err == nil && e.To == "" {
		err = proto.BadRequest("a private message needs the key to")
	}
	return err
}

// CheckText refuses a text that is too long, or blank although there is no data.
func CheckText(s string, data bool, size int) *proto.Error {
	switch {
	case len(s) > size:
		return &proto.Error{Code: proto.CodeTooLong, Text: fmt.Sprintf("a message has at most %d bytes", size)}
	case !data && names.Blank(s):
		return &proto.Error{Code: proto.CodeEmptyMessage, Text: "a message needs a text"}
	}
	return nil
}

func reaction(e *chatlog.Event, o *proto.Object) (err *proto.Error) {
	if e.Reaction, err = o.Reaction.Text("reaction"); err != nil {
		return err
	}
	if e.Reaction == "" {
		return proto.BadRequest("a reaction needs the key reaction")
	}
	e.Remove, err = o.Remove.Bool("remove")
	return err
}

func signal(e *chatlog.Event, o *proto.Object, s Sizes) *proto.Error {
	name, err := o.Name.Text("name")
	if err != nil {
		return err
	}
	if !proto.IsSignalName(name) {
		return proto.BadRequest("a signal needs a name of 1 to %d of a-z, 0-9, '.', '_' and '-'", proto.MaxName)
	}
	e.Kind = chatlog.Kind(name)
	e.Data, err = o.Data.Data(s.Data)
	return err
}
