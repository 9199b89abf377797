// What the types allow, and what they do not.

import {ChatError, Connection, connect, connectRooms, rooms} from '@seed-08328bfd/chat';
import type {Message, Options} from '@seed-08328bfd/chat';
import {View} from '@seed-08328bfd/chat/view';
const chat = connect('https://example.com/chat/', {username: 'Alice', token: async () => 'x'});
const off = chat.on('message', (m) => console.log(m.username.length, m.live));
chat.on('state', ({state, wait = 0, error}) => console.log(state === 'open', wait / 2, error?.code));
chat.on('join', ({username, time}) => console.log(username + time));
const {offset} = await chat.send('hello', {to: 'u1'});
const {messages} = await chat.history({before: offset});
console.log(messages[0]!.offset + offset, (await rooms('/')).get('general'), off());
await chat.send('', {data: {a: [1]}, replyTo: offset});
console.log((await chat.edit(offset, 'b', {data: {}})).offset, await chat.react(offset, 'x'), await chat.unreact(offset, 'x'), await chat.delete(offset));
chat.on('edit', ({target, message}) => console.log(target + 1, message));
chat.on('signal', ({name, data}) => console.log(name + data.x, chat.signal('x', {y: 1}) === false, chat.markRead(offset)));
chat.on('read', (r) => console.log(r.offset + 1, r.user));
const view = new View({limit: 10});
console.log(view.follow(chat, () => console.log(view.messages.length, view.unread + view.read)), view.merge(await chat.history()));
for await (const e of chat.events('message', 'state')) {
  if (e.type === 'message') console.log(e.detail.username.length);
  else console.log(e.detail.state === 'open');
  // @ts-expect-error it yields only those that were asked for
  console.log(e.type === 'gap');
}
for await (const {type, detail} of chat.events()) if (type === 'gap') console.log(detail.reset);
const options: Options = {room: (await chat.ready()).room}, last: Message|undefined = messages.at(-1);
console.log(new ChatError('x', 'y').retryAfter, options, last);
const many: Connection = connectRooms('/', {username: 'Alice', token: async () => undefined});
many.on('joined', (c) => console.log(c.room.length, c.transport === 'http'));
many.on('state', ({state, error}) => console.log(state === 'closed', error?.code));
console.log((await many.join('a', {since: 'e:1'}).send('x')).offset, many.rooms.get('a')?.position, many.leave('a'), view.follow(many.join('b')));
// @ts-expect-error a Connection has no messages of its own
many.on('message', () => {});
// @ts-expect-error rooms are joined one by one
connectRooms('/', {room: 'a'});
// @ts-expect-error the second is a string
chat.react(offset, 1);
// @ts-expect-error there is no such event
chat.on('mesage', () => {});
// @ts-expect-error a number is no name
connect('/', {username: 1});
// @ts-expect-error a message has no such field
chat.on('message', (m) => m.text);
