// One rule under every fault of a network, by chance: nothing is lost, nothing comes twice, everything comes in order, and
// the messages in their current state are those of the server. CHAT_SEED=7 runs one seed alone.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect, connectRooms, messages, unread} from '../src/chat.js';
import {View} from '../src/view.js';
import {hurry, seeded} from './chance.js';
import {network} from './network.js';
import {leftover, serve, until} from './server.js';

const seeds = process.env.CHAT_SEED ? [Number(process.env.CHAT_SEED)] : Array.from({length: 16}, (_, i) => i + 1);
const together = 8, steps = 40;
const changes = ['edit', 'delete', 'reaction'];

/** The log as the server has told it to somebody without faults. */
async function witness(base, room) {
  const log = new Map(), ws = new WebSocket(`${base.replace('http', 'ws')}ws/${room}?username=Witness`, ['chat.v1']);
  leftover(() => ws.close());
  const user = await new Promise((resolve) => {
    ws.onmessage = ({data}) => {
      const o = JSON.parse(data);
      if (o.type === 'welcome') resolve(o.user);
      if (o.offset && o.type !== 'ack') log.set(o.offset, o);
    };
  });
  return {room, log, user, say: (text) => ws.send(JSON.stringify({type: 'message', message: text}))};
}

/** A client's stay in a room: what its application has sent, and what it has got. */
class Stay {
  events = []; trace = []; sends = []; own = []; base = 0; marked = 0;

  constructor(who, room) {
    Object.assign(this, {who, room});
    this.view = new View();
  }

  /** @param {import('../src/chat.js').Chat} chat the first one, or the next after the room was left */
  use(chat) {
    this.chat = chat;
    this.view.follow(chat);
    let known = chat.position !== '', reported = false;
    this.trace.push(`use ${chat.position}`);
    chat.on('state', ({state, code, error}) => this.trace.push(`${state} ${code ?? ''} ${error?.code ?? ''} ${chat.transport}`));
    chat.on('welcome', (o) => {
      this.trace.push(`welcome ${o.position} gap=${o.gap} at ${this.events.at(-1)?.offset}`);
      reported = o.gap;
      if (!known || o.gap) this.base = Number(o.position.split(':')[1]); // changes up to there are in the messages
      known = true;
    });
    chat.on('gap', () => {
      this.trace.push('gap');
      if (!reported) this.base = Number(chat.position.split(':')[1]) || this.base;
    });
    for (const type of ['message', ...changes]) chat.on(type, (o) => this.events.push(o));
  }

  /** @param {Promise<any>} promise @param {any} o what it is for */
  did(promise, o) {
    this.sends.push(o);
    promise.then(({offset}) => Object.assign(o, {offset}), (e) => Object.assign(o, {code: e.code}));
  }
}

/** What the application does. */
function act(random, stay, text, peer) {
  const {chat, own, view} = stay, some = random.of(view.messages)?.offset;
  const mine = random.of(own.filter(({offset}) => offset))?.offset, what = random();
  if (what < 0.12 && mine) return stay.did(chat.edit(mine, text), {type: 'edit', text});
  if (what < 0.17 && mine) return stay.did(chat.delete(mine), {type: 'delete', target: mine});
  if (what < 0.27 && some) return stay.did(chat.react(some, random.of(['👍', ':x:'])), {type: 'reaction'});
  if (what < 0.3 && some) return stay.did(chat.unreact(some, '👍'), {type: 'reaction'});
  if (what < 0.35 && some) return chat.markRead(stay.marked = Math.max(stay.marked, some));
  if (what < 0.4) return chat.history({limit: 5}).catch(() => {});
  if (what < 0.45) return chat.signal('cursor', {x: 1}) || chat.typing();
  const o = {type: what < 0.5 ? 'private' : 'message', text};
  if (o.type === 'message') own.push(o);
  stay.did(o.type === 'private' ? chat.sendPrivate(peer, text) : chat.send(text, {data: random() < 0.2 ? {n: 1} : undefined, replyTo: some}), o);
}

/** What the network does to a client. */
function fault(random, net, again) {
  const all = [...net.lines], line = random.of(all), bytes = 1 + Math.floor(600 * random());
  const modes = (up, down) => all.forEach((l) => Object.assign(l.up, {mode: up}) && Object.assign(l.down, {mode: down}));
  random.of([
    () => net.reset(),
    () => net.cut(), // refused, until it is mended
    () => line?.down.cutAfter(bytes),
    () => line?.up.cutAfter(bytes),
    () => modes('drop', 'drop'),
    () => modes('drop', 'flow'),
    () => modes('flow', 'drop'),
    () => Object.assign(net.state.modes, {up: 'drop', down: 'drop'}),
    () => modes('slow', 'slow'),
    () => Object.assign(net.state.modes, {up: 'slow', down: 'slow'}),
    () => line?.halve('client'),
    () => line?.halve('server'),
    () => void (modes('hold', 'hold'), again()), // the old one's bytes come after the new one is up
    () => void (modes('hold', 'flow'), again()),
    () => void (net.state.loseAnswers = 1),
    () => void (net.state.how = random.of(['through', 'refused', 'stripped', 'hangs', 'cut'])),
    () => again(),
  ])();
}

/** @returns what checks it, once time is as it should be */
async function live(seed, {url, port}) {
  const random = seeded(seed), rooms = ['r', 's'].map((name) => `${name}${seed}`);
  const seen = await Promise.all(rooms.map((room) => witness(url, room)));
  const clients = await Promise.all([0, 1, 2].map(async (i) => {
    const net = await network(port, random.of(['through', 'through', 'refused'])), username = `${'ABC'[i]}${seed}`;
    const options = {username, sendTimeout: 1e12};
    if (i !== 1) {
      const stay = new Stay(username, rooms[0]), chat = connect(net.url, {room: rooms[0], ...options});
      stay.use(chat);
      return {net, stays: [stay], whole: chat};
    }
    const whole = connectRooms(net.url, options), stays = rooms.map((room) => new Stay(username, room));
    for (const stay of stays) stay.use(whole.join(stay.room));
    return {net, stays, whole};
  }));
  for (const {whole} of clients) leftover(() => whole.close());
  for (let step = 0; step < steps; step++) {
    const {net, stays, whole} = random.of(clients), stay = random.of(stays);
    for (let n = 1 + 3 * random(); n > 0; n--) act(random, stay, `${stay.who} ${stay.room} ${step}.${n}`, seen[rooms.indexOf(stay.room)].user);
    const what = random();
    if (what < 0.4) fault(random, net, () => whole.reconnect());
    else if (what < 0.6) net.mend();
    else if (what < 0.65 && stays.length > 1) {
      const {chat} = stay;
      chat.close();
      stay.marked = 0; // what was not sent by then is not
      stay.use(whole.join(stay.room, {since: chat.position}));
    }
    await new Promise((r) => setTimeout(r, 1200 * random()));
  }
  return async () => {
    for (const {net, whole} of clients) {
      const {how} = net.state;
      net.mend();
      if (how === 'refused') net.state.how = how;
      for (const l of net.lines) if (l.up.mode === 'drop' || l.down.mode === 'drop') l.reset();
      if (whole.state !== 'open') whole.reconnect();
    }
    const stays = clients.flatMap((c) => c.stays);
    await until('all sends have a result', () => stays.every(({sends}) => sends.every((o) => o.offset || o.code)));
    for (const {say} of seen) say('the end');
    const ends = new Map();
    for (const {room, log} of seen) ends.set(room, await until('the end', () => [...log.values()].find((o) => o.message === 'the end')));
    await until('the end has come to all', () => stays.every(({room, events}) => events.at(-1)?.offset >= ends.get(room).offset));
    for (const {room, log, user} of seen) {
      const now = [];
      for (let more = true; more;) {
        const page = await messages(url, room, {after: now.at(-1)?.offset ?? 0, limit: 100});
        now.push(...page.messages);
        ({more} = page);
      }
      stored(stays.filter((s) => s.room === room), log);
      for (const stay of stays.filter((s) => s.room === room)) await told(stay, log, now, url, user);
    }
    return stays.reduce((n, {events}) => n + events.length, 0);
  };
}

/** Each acknowledged send is in the log once, at its offset; what has failed is there once at most. */
function stored(stays, log) {
  const texts = new Map();
  for (const {offset, message, type} of log.values()) {
    if (message === undefined || message === 'the end') continue;
    assert.ok(!texts.has(message), `${message} is there twice`);
    texts.set(message, {offset, type});
  }
  for (const {who, sends} of stays) {
    for (const {type, text, offset, code, target} of sends) {
      assert.ok(offset || ['closed', 'uncertain', 'no_such_message'].includes(code), `${who}: ${code} for ${type} ${text ?? target}`);
      if (offset && text) assert.deepEqual(texts.get(text), {offset, type}, text);
      texts.delete(text);
    }
    const offsets = sends.filter((o) => o.offset && o.text).map((o) => o.offset);
    assert.deepEqual(offsets, [...offsets].sort((a, b) => a - b), `${who}: what was sent is in order`);
  }
  assert.deepEqual([...texts.keys()], [], 'nobody has sent these');
}

/** The application has seen everything once and in order, and has the messages as they are. */
async function told({who, chat, events, view, base, trace, marked}, log, now, url, witness) {
  const entries = [...log.values()], gone = new Set(entries.filter((o) => o.type === 'delete').map((o) => o.target));
  const what = ({offset, type}) => `${offset} ${type}`, seen = new Set(events.map(what));
  events.reduce((last, {offset}) => (assert.ok(offset > last, `${who}: ${offset} after ${last}`), offset), 0);
  for (const o of events) {
    const own = log.get(o.offset);
    assert.ok(own && own.type === o.type && own.user === o.user && own.target === o.target, `${who}: ${JSON.stringify(o)} is not in the log`);
  }
  for (const o of entries) {
    const of = log.get(o.target) ?? o;
    if (of.type === 'private' && of.user !== chat.user) continue;
    const may = gone.has(o.offset) || (o.type !== 'delete' && gone.has(o.target)) || (changes.includes(o.type) && o.offset <= base);
    assert.ok(may || seen.has(what(o)), `${who} has not seen ${JSON.stringify(o)}; changes from ${base} on; ${trace.slice(-30).join('\n')}`);
  }
  const plain = view.messages.filter((m) => m.type === 'message').map(({live, room, ...m}) => m);
  assert.deepEqual(plain, now, `${who}: the view`);
  const secret = entries.filter((o) => o.type === 'private' && o.user === chat.user && o.to === witness).map((o) => o.offset);
  assert.deepEqual(view.messages.filter((m) => m.type === 'private').map((m) => m.offset), secret);
  assert.equal(chat.position.split(':')[1], String(entries.at(-1).offset));
  const asked = async () => (await unread(url, {named: [chat.room], session: chat.session})).get(chat.room).read;
  await until(`${who}: the marker ${marked}`, async () => await asked() >= marked);
}

test('nothing is lost, nothing comes twice, and everything is in order, whatever the network does', async () => {
  const server = await serve(['-rate', '0', '-history', '5000']);
  const one = async (seed) => {
    const wrong = (e) => { throw new Error(`CHAT_SEED=${seed}: ${e.stack}`); };
    const end = await live(seed, server).catch(wrong);
    return () => end().catch(wrong);
  };
  let events = 0;
  for (let i = 0; i < seeds.length; i += together) {
    const calm = hurry(20);
    const ends = await Promise.all(seeds.slice(i, i + together).map(one));
    calm();
    for (const n of await Promise.all(ends.map((end) => end()))) events += n;
  }
  assert.ok(events > 100 * seeds.length / 2, `only ${events} events`);
});
