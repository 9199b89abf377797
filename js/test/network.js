// The network between clients and a server, with what goes wrong there. It is a proxy of TCP, so it cuts within frames,
// loses one direction, or lets an old connection's bytes arrive after a new one is there.

import {once} from 'node:events';
import net from 'node:net';
import {leftover} from './server.js';

/** @typedef {'through'|'refused'|'stripped'|'cut'|'hangs'} How what becomes of a WebSocket's handshake: it goes through; it
 *   gets 403; it arrives as a plain request; it is answered, and cut a second later; it gets no answer */
/** @typedef {'flow'|'hold'|'drop'|'slow'} Mode of what goes in one direction: it arrives; it waits, also the end, until it may
 *   flow; it never arrives, nor does the end; it arrives in small pieces */

const piece = 150, every = 2; // bytes and milliseconds of what is slow
const refusal = 'HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno';

/** One direction of a connection. */
class Flow {
  #to; #mode; #line; #left = Infinity; #timer;
  /** @type {(Buffer|'end'|'close')[]} */ #queue = [];

  /** @param {Line} line @param {net.Socket} from @param {net.Socket} to @param {Mode} mode @param {(d: Buffer) => Buffer|null} see */
  constructor(line, from, to, mode, see) {
    this.#line = line;
    this.#to = to;
    this.#mode = mode;
    const put = (what) => {
      if (what === null || this.#mode === 'drop') return;
      this.#queue.push(what);
      this.#pump();
    };
    from.on('data', (d) => put(see(d))).on('end', () => put('end')).on('error', () => {}).on('close', () => put('close'));
  }

  get mode() { return this.#mode; }

  set mode(mode) {
    if (this.#mode === 'drop') return; // TCP loses nothing in the middle
    this.#mode = mode;
    if (mode === 'drop') this.#queue = [];
    this.#pump();
  }

  /** Cuts the connection after so many more bytes. @param {number} bytes */
  cutAfter(bytes) { this.#left = bytes; }

  #pump() {
    if (this.#mode === 'slow') this.#timer ??= setTimeout(() => { this.#timer = undefined; this.#one(piece); if (this.#queue.length > 0) this.#pump(); }, every);
    else while (this.#mode === 'flow' && this.#queue.length > 0) this.#one(Infinity);
  }

  /** @param {number} most bytes */
  #one(most) {
    const what = this.#queue.shift();
    if (what === undefined) return;
    if (what === 'end') return void this.#to.end();
    if (what === 'close') return void this.#to.destroy();
    if (what.length > most) this.#queue.unshift(what.subarray(most));
    const now = what.subarray(0, Math.min(most, this.#left));
    this.#to.write(now);
    this.#left -= now.length;
    if (this.#left <= 0) setImmediate(() => this.#line.reset()); // when that is written
  }
}

/** One connection. */
class Line {
  upgraded = false;
  #client; #server;

  /** @param {net.Socket} client @param {net.Socket} server @param {{up: Mode, down: Mode}} modes
   * @param {(line: Line, d: Buffer) => Buffer|null} asked @param {(line: Line, d: Buffer) => Buffer|null} answered */
  constructor(client, server, modes, asked, answered) {
    this.#client = client;
    this.#server = server;
    this.up = new Flow(this, client, server, modes.up, (d) => asked(this, d));
    this.down = new Flow(this, server, client, modes.down, (d) => answered(this, d));
  }

  reset() {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  /** Answers in place of the server. @param {string} text */
  refuse(text) {
    this.down.mode = 'drop';
    this.#client.end(text);
    this.#server.destroy();
  }

  /** The other side of it is not there any longer, and this one is not told. @param {'client'|'server'} whose what is left */
  halve(whose) {
    this[whose === 'client' ? 'down' : 'up'].mode = 'drop';
    (whose === 'client' ? this.#server : this.#client).resetAndDestroy();
  }
}

/** @param {number} port the server's @param {How} [how] */
export async function network(port, how = 'through') {
  /** @type {Set<Line>} */ const lines = new Set();
  const seen = {upgrades: 0, streams: 0, posts: 0};
  const state = {how, loseAnswers: 0, refuses: false, /** @type {{up: Mode, down: Mode}} of new connections */ modes: {up: 'flow', down: 'flow'}};

  /** @param {Line} line @param {Buffer} d @returns {Buffer|null} what goes on to the server */
  const asked = (line, d) => {
    const text = line.upgraded ? '' : d.toString('latin1'), [, method, url] = /^(GET|POST) (\S+) HTTP\/1\.1\r\n/.exec(text) ?? [];
    line.posts = method === 'POST';
    if (line.posts) seen.posts++;
    else if (url?.includes('/events')) seen.streams++;
    if (!url || !/^upgrade: websocket\r$/im.test(text)) return d;
    seen.upgrades++;
    if (state.how === 'hangs') return null;
    if (state.how === 'refused') return line.refuse(refusal), null;
    if (state.how === 'stripped') return Buffer.from(text.replace(/^(upgrade|connection): .*\r\n/gim, ''), 'latin1');
    line.upgraded = true;
    line.doomed = state.how === 'cut';
    return d;
  };
  /** @param {Line} line @param {Buffer} d */
  const answered = (line, d) => {
    if (line.posts && state.loseAnswers > 0) { // the server has it, and its answer is lost
      state.loseAnswers--;
      line.reset();
      return null;
    }
    if (line.doomed) setTimeout(() => line.reset(), 1000);
    line.doomed = false;
    return d;
  };

  const server = net.createServer({allowHalfOpen: true}, (client) => {
    if (state.refuses) return client.resetAndDestroy();
    const other = net.connect({port, host: '127.0.0.1', allowHalfOpen: true});
    const line = new Line(client, other, state.modes, asked, answered);
    lines.add(line);
    for (const socket of [client, other]) socket.on('close', () => client.destroyed && other.destroyed && lines.delete(line));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const reset = () => {
    for (const line of lines) line.reset();
  };
  leftover(async () => {
    reset();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/`, seen, state, lines,
    /** Ends every connection. */
    reset,
    /** The same, and there are no new ones. */
    cut() {
      state.refuses = true;
      reset();
    },
    /** What clients send arrives, and they hear nothing. */
    deafen() {
      state.modes.down = 'drop';
      for (const line of lines) line.down.mode = 'drop';
    },
    /** It is as it should be, but for connections that have lost something. */
    mend() {
      Object.assign(state, {how: 'through', refuses: false, loseAnswers: 0, modes: {up: 'flow', down: 'flow'}});
      for (const line of lines) line.up.mode = line.down.mode = 'flow';
    },
  };
}
