// chat.js alone, as other pages use it.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {network, person, serve, until, watch} from './harness.js';

/** An empty page of the server's origin. */
async function empty(url) {
  const page = await (await person()).newPage();
  watch(page);
  await page.goto(url);
  return page;
}

test('a new chat can continue with the session and the position of another', async () => {
  const {url} = await serve();
  const page = await empty(url);
  const got = await page.evaluate(async () => {
    const {connect} = await import('./chat.js');
    const opened = (c) => new Promise((resolve) => c.on('welcome', resolve));
    const texts = [];
    const one = connect('/', {room: 'r', username: 'Ann'});
    await opened(one);
    await Promise.all([one.send('1'), new Promise((r) => one.on('message', r))]);
    const {session, position, user} = one;
    one.close();
    const other = connect('/', {room: 'r', username: 'Ben'});
    await opened(other);
    await other.send('2');
    await other.sendPrivate(other.user, '3');
    const two = connect('/', {room: 'r', username: 'Ann', session, since: position});
    two.on('message', (m) => texts.push(`${m.username} ${m.message} ${m.live}`));
    const welcome = await opened(two);
    const four = new Promise((r) => two.on('message', (m) => m.message === '4' && r()));
    await two.send('4');
    await four;
    const {messages, more} = await two.history({before: Number(welcome.position.split(':')[1])});
    return {same: two.user === user, resumed: welcome.resumed, texts, older: messages.map((m) => m.message), more, rooms: [...await two.rooms()]};
  }).catch(String);
  assert.deepEqual(got, {same: true, resumed: true, texts: ['Ben 2 false', 'Ann 4 true'], older: ['1', '2'], more: false, rooms: [['r', 2]]});
});

test('a send without an answer fails in time, and its id makes the next try safe', async () => {
  const server = await serve();
  const wire = await network(server.port);
  const page = await empty(wire.url);
  await page.evaluate(async () => {
    const {connect} = await import('./chat.js');
    window.chat = connect('/', {username: 'Ann', sendTimeout: 5000});
    window.texts = [];
    chat.on('message', (m) => texts.push(m.message));
    await new Promise((resolve) => chat.on('welcome', resolve));
  });
  wire.deafen();
  assert.equal(await page.evaluate(() => chat.send('once', {id: 'x'}).catch((e) => `${e.name} ${e.code}`)), 'ChatError timeout');
  wire.cut();
  await until('the loss is noticed', () => page.evaluate(() => chat.state === 'waiting' || chat.state === 'connecting'));
  wire.mend();
  await until('the connection is back', () => page.evaluate(() => chat.state === 'open'));
  const second = await page.evaluate(() => chat.send('once', {id: 'x'}));
  assert.deepEqual(second, {id: 'x', offset: 1});
  await until('it is there', () => page.evaluate(() => texts.length > 0));
  assert.deepEqual(await page.evaluate(() => texts), ['once']);
});

test('a message that is refused permanently is not sent again', async () => {
  const {url} = await serve();
  const page = await empty(url);
  const closed = (room, username) => page.evaluate(([room, username]) => new Promise((resolve) => {
    import('./chat.js').then(({connect}) => connect('/', {room, username}).on('state', ({state, error}) => state === 'closed' && resolve(error.code)));
  }), [room, username]);
  assert.equal(await closed('a/b', 'Ann'), 'bad_room');
  assert.equal(await closed('..', 'Ann'), 'bad_room');
  assert.equal(await closed('r', 'a\u202eb'), 'bad_name');
  const errors = await page.evaluate(async () => {
    const {connect} = await import('./chat.js');
    const chat = connect('/', {room: 'r'});
    const first = await chat.send('x'.repeat(20_000)).catch((e) => e.code);
    const history = await chat.history().catch((e) => e.code);
    const waiting = chat.send('never').catch((e) => e.code);
    chat.close();
    return [first, history, await waiting, await chat.send('late').catch((e) => e.code), chat.state];
  });
  assert.deepEqual(errors, ['too_long', 'disconnected', 'closed', 'closed', 'closed']);
});

test('tokens, prefixes, and the times between attempts', async () => {
  const {url} = await serve();
  const page = await empty(url);
  const got = await page.evaluate(async () => {
    const {connect} = await import('./chat.js');
    const tries = [], waits = [], sent = [];
    let n = 0;
    window.WebSocket = class { // a server that sends goodbye, and then cannot be reached
      constructor(url, protocols) {
        tries.push([String(url).replace(location.host, 'HOST'), protocols]);
        const say = (o) => this.onmessage?.({data: JSON.stringify(o)});
        setTimeout(() => {
          if (tries.length === 1) {
            say({type: 'welcome', room: 'r', user: 'u', username: 'U', session: '', position: 'e:0', members: [], member_count: 1, limits: {message_bytes: 99}});
            say({type: 'message', offset: 7, time: '2026-01-01T00:00:00.000Z', user: 'v', username: 'V', message: 'hi'});
            say({type: 'error', code: 'token_expiring', message: ''});
            setTimeout(() => {
              say({type: 'goodbye', reason: 'shutdown', retry_after_ms: 321});
              this.onclose?.({code: 1001, reason: ''});
            }, 20);
          } else {
            this.onclose?.({code: 1006, reason: ''});
          }
        });
      }
      send(s) { sent.push(JSON.parse(s)); }
      close() {}
    };
    const random = Math.random;
    Math.random = () => 0.001; // a factor of the wait, which doubles
    window.fetch = async () => { throw new TypeError('nobody there'); };
    const chat = connect('/some/where', {room: 'a b/ü', username: 'Ann&', token: async () => `t${++n}`});
    await new Promise((resolve) => chat.on('state', ({state, wait}) => {
      if (state === 'waiting') waits.push(wait);
      if (waits.length === 8) resolve();
    }));
    chat.close();
    Math.random = random;
    return {tries, waits, sent};
  });
  assert.deepEqual(got.tries.slice(0, 2), [
    ['ws://HOST/some/where/ws/a%20b%2F%C3%BC?username=Ann%26', ['chat.v1', 'bearer.t1']],
    ['ws://HOST/some/where/ws/r?username=Ann%26&since=e%3A7%3A1767225600000', ['chat.v1', 'bearer.t3']],
  ]);
  assert.deepEqual(got.sent, [{type: 'auth', token: 't2'}]);
  assert.equal(got.waits[0], 321, 'the wait that the server asked for');
  assert.deepEqual(got.waits.slice(1).map(Math.round), [51, 52, 54, 58, 66, 80, 80], 'full jitter, up to 30 s');
});
