// The answers of a test's server (fake.js) over plain HTTP: streams of events, posts, and the
// answer to a plain GET of a WebSocket's address.

const json = (status, o, headers = {}) => new Response(JSON.stringify(o), {status, headers: {'Content-Type': 'application/json', ...headers}});

/** @param {number} status @param {string} code @param {Record<string, string>} [headers] */
export const refusal = (status, code, headers) => json(status, {error: {code, message: code}}, headers);

/** Replaces fetch. `plain` answers a GET of a WebSocket's address, `open` a GET of events unless it returns nothing, and
 * `post` a POST. @returns {{streams: any[], posts: any[]}} what was asked for */
export function web(answers = {}) {
  const all = {plain: () => refusal(426, 'upgrade_required'), open: () => undefined, post: ({object: {id}}, n) => json(200, {type: 'ack', id, offset: n}), ...answers};
  const streams = [], posts = [];
  const stream = (url, {headers, signal}) => {
    const s = {url, headers, room: decodeURIComponent(url.pathname.split('/').at(-2)), since: url.searchParams.get('since'), session: url.searchParams.get('session')};
    const refused = all.open(s, streams.push(s));
    if (refused) return refused;
    const body = new ReadableStream({
      start(controller) {
        s.raw = (text) => s.aborted || controller.enqueue(new TextEncoder().encode(text));
        s.cut = (error = new TypeError('cut')) => s.aborted || controller.error(error);
        s.end = () => controller.close();
        signal.addEventListener('abort', () => {
          if (!s.aborted) controller.error(signal.reason);
          s.aborted = true;
        });
      },
    });
    s.say = (o) => s.raw(`data: ${JSON.stringify(o)}\n\n`);
    s.welcome = (position, more = {}) => s.say({
      type: 'welcome', room: s.room, user: 'me', username: 'Me', session: 'S'.repeat(32), position, resumed: s.since !== null, gap: false, members: [], member_count: 1,
      limits: {message_bytes: 1000, rate_per_second: 0, burst: 0, data_bytes: 100}, ...more,
    });
    return new Response(body, {headers: {'Content-Type': 'text/event-stream'}});
  };
  globalThis.fetch = async (at, init = {}) => {
    const url = new URL(at, location.href), {method = 'GET', body, signal} = init;
    signal?.throwIfAborted();
    if (method === 'POST') {
      const p = {url, body, object: JSON.parse(body), headers: init.headers, signal};
      const given = all.post(p, posts.push(p));
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        Promise.resolve(given).then((r) => r && resolve(r), reject);
      });
    }
    if (/\/ws(\/|$)/.test(url.pathname)) return all.plain(url);
    if (url.pathname.endsWith('/events')) return stream(url, init);
    if (url.pathname.endsWith('/messages')) return json(200, {messages: [message(1, 'old')], position: 'e:9', first: 1, more: false, asked: url.search});
    if (url.pathname === '/rooms') return json(200, {});
    throw new TypeError('nobody there');
  };
  return {streams, posts};
}
