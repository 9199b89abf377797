// What the client does with each status over plain HTTP: of a stream, and of what it posts.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {stage} from './fake.js';
import {refusal, web} from './web.js';

const back = [404, 405, 501]; // there are no streams: WebSockets are tried again
const streams = [
  [400, 'bad_request', 'closed'], [401, 'unauthorized', 'closed'], [403, 'forbidden', 'closed'], [404, 'not_found', 'waiting'], [405, 'method_not_allowed', 'waiting'],
  [406, 'not_acceptable', 'waiting'], [429, 'too_many', 'waiting'], [500, 'internal', 'waiting'], [501, 'internal', 'waiting'], [503, 'unavailable', 'waiting'],
];

test('each status of a stream that is refused, with its code and with another one', async () => {
  for (const [status, code, state] of streams) {
    for (const given of [code, 'nonsense']) {
      const page = await stage({clock: true});
      web({open: () => refusal(status, given)});
      start();
      await page.clock.runFor(100);
      last().end(1006); // blocked
      await page.clock.runFor(1);
      const own = given === code;
      assert.equal(chat.state, own ? state : 'waiting', `${status} ${given}`);
      assert.equal(states.at(-1).error?.code, own ? code : undefined);
      assert.equal(chat.transport, own && back.includes(status) ? 'websocket' : 'http');
    }
  }
});

const posts = [
  [400, ['bad_json', 'bad_request', 'bad_utf8', 'empty_message', 'unknown_type']], [401, ['unauthorized']], [403, ['forbidden']], [404, ['no_such_message', 'no_such_user']], [413, ['too_long']],
  [415, ['unsupported_media_type']], [422, ['rejected']], [429, ['rate_limited']], [500, ['internal']], [501, ['unsupported']], [503, ['unavailable']],
];

test('each status and code of what is posted', async () => {
  for (const [status, codes] of posts) {
    for (const code of codes) {
      const page = await stage({clock: true});
      globalThis.WebSocket = undefined;
      let refuse = true;
      const all = web({post: ({object: {id}}) => (refuse ? refusal(status, code, {'Retry-After': '1'}) : new Response(JSON.stringify({type: 'ack', id, offset: 1})))});
      start();
      await page.clock.runFor(100);
      all.streams[0].welcome('e:0');
      await page.clock.runFor(1);
      const result = fate(chat.send('x', {id: 'x'}));
      await page.clock.runFor(1);
      refuse = false;
      await page.clock.runFor(3000);
      const again = code === 'rate_limited' || code === 'unavailable';
      assert.equal(await result, again ? 1 : code);
      assert.equal(all.posts.length, again ? 2 : 1);
      assert.equal(chat.state, 'open', `${status} ${code}`);
    }
  }
});
