// Many rooms over plain HTTP, where WebSockets are blocked: what a connection for many
// rooms says and hears, made of a stream for each room.
//
// Browsers open six connections to a host over HTTP/1.1, for all tabs together, and a stream holds one. So at most four
// rooms have a stream, those used last, and what is posted finds a free connection. The others are parked: they get
// nothing, and resume at their place when they are used or a stream becomes free. They are not visited in turns, because
// each visit would tell the room that the user joins and leaves. HTTP/2 and HTTP/3 have no such limit.

import {ChatError} from './errors.js';
import {refusalIn} from './http.js';
import {noStreams, Stream} from './stream.js';
import {later, now} from './time.js';
import {bearer} from './wire.js';

const few = 4, lots = 50; // streams
const keptFor = 2000; // milliseconds that a room has its stream at least

/** @typedef {import('./socket.js').Wire} Wire @typedef {import('./socket.js').WireHooks} WireHooks */
/** @typedef {{room: string, since: string, eager: boolean, stream: Stream|null, at: number}} Entry
 *   eager: it takes another one's stream. A room that is used says so by a join without an id */

/** @implements {Wire} */
export class Streams {
  pings = false;
  #where; #hooks; #most = few; #known; #over = false; #stop = () => {}; #asking = new AbortController();
  /** @type {Map<string, Entry>} */ #rooms = new Map(); // the latest used last
  /** @type {Set<string>} */ #parked = new Set();
  /** @type {Entry[]} */ #wanted = []; // by what is joined in one go

  /** @param {{base: URL, username?: string, session: string, token: () => Promise<string|undefined>}} where
   * @param {WireHooks} hooks */
  constructor(where, hooks) {
    this.#where = {...where};
    this.#hooks = hooks;
    this.#known = where.session !== '';
    this.#begin();
  }

  get busy() { return [...this.#rooms.values()].some(({stream}) => stream?.busy); }

  /** @param {string} text */
  send(text) {
    const {room, ...o} = JSON.parse(text);
    if (o.type === 'join') {
      for (const [name, since] of Object.entries(o.rooms ?? {[room]: o.since ?? ''})) this.#want(name, since, !o.rooms && !o.id);
      return;
    }
    const entry = this.#rooms.get(room);
    if (o.type === 'leave') {
      this.#drop(entry);
      this.#parked.delete(room);
      queueMicrotask(() => this.#tell({type: 'left', room, code: 1000, reason: ''}));
      return this.#free();
    }
    if (!entry?.stream) return;
    this.#rooms.delete(room);
    this.#rooms.set(room, entry);
    entry.stream.send(JSON.stringify(o));
  }

  close() {
    this.#over = true;
    this.#asking.abort(); // browsers have few connections
    this.#stop();
    for (const entry of this.#rooms.values()) entry.stream?.close();
  }

  /** @param {any} o */
  #tell(o) {
    if (!this.#over) this.#hooks.receive(o);
  }

  /** @param {number} code @param {string} reason @param {ChatError|null} [why] */
  #lost(code, reason, why = null) {
    if (this.#over) return;
    this.close();
    this.#hooks.lost(code, reason, why);
  }

  /** Looks whether the server answers, and over which version of HTTP. */
  async #begin() {
    let why = null;
    try {
      const r = await fetch(new URL('rooms?limit=1', this.#where.base), {headers: bearer(await this.#where.token()), cache: 'no-store', signal: this.#asking.signal});
      if (!r.ok) why = await refusalIn(r);
      if (!r.ok) return this.#lost(1006, '', why);
      await r.text();
    } catch {
      return this.#lost(1006, '');
    }
    // What the browser has noted of the requests to this host: of some the note comes late.
    const notes = /** @type {any[]} */ (globalThis.performance.getEntriesByType?.('resource') ?? []);
    const hops = notes.filter(({name, nextHopProtocol}) => nextHopProtocol && name.startsWith(this.#where.base.origin));
    if (/^h[23]/.test(hops.pop()?.nextHopProtocol)) this.#most = lots;
    this.#tell({type: 'hello', protocol: 'chat.v1'});
  }

  /** @param {string} room @param {string} since @param {boolean} eager */
  #want(room, since, eager) {
    if (this.#rooms.has(room)) return;
    this.#parked.delete(room);
    const entry = {room, since, eager, stream: null, at: 0};
    this.#rooms.set(room, entry);
    if (this.#wanted.push(entry) > 1) return;
    queueMicrotask(() => {
      const wanted = this.#wanted.splice(0);
      if (wanted.length === 1) entry.eager = true; // somebody goes there; many are rooms to be in
      this.#pump();
    });
  }

  /** Gives the streams to the rooms. */
  #pump() {
    this.#stop();
    if (this.#over) return;
    const all = [...this.#rooms.values()], live = all.filter((entry) => entry.stream);
    // The first one learns who the user is, so that it is the same in all rooms.
    let free = (this.#known ? this.#most : 1) - live.length;
    for (const entry of all) {
      if (entry.stream) continue;
      if (free-- > 0) this.#open(entry);
      else if (this.#known && entry.eager) this.#displace(entry, live);
      else if (this.#known) this.#park(entry);
    }
  }

  /** Gives a room the stream of another one, now or later. @param {Entry} entry @param {Entry[]} live */
  #displace(entry, live) {
    const i = live.findIndex(({at, stream}) => now() - at >= keptFor && !stream?.busy);
    if (i < 0) {
      this.#stop();
      this.#stop = later(keptFor / 4, () => this.#pump());
      return;
    }
    this.#park(live[i]);
    live.splice(i, 1);
    this.#open(entry);
  }

  /** @param {Entry} entry */
  #park(entry) {
    this.#drop(entry);
    this.#parked.add(entry.room);
    this.#tell({type: 'parked', room: entry.room});
  }

  /** A stream has become free: one of the parked rooms joins again, with its place. */
  #free() {
    const room = [...this.#parked].at(-1);
    if (room !== undefined && this.#rooms.size < this.#most) {
      this.#parked.delete(room);
      this.#tell({type: 'left', room, code: 1013, reason: 'there is a stream for it'});
    }
    this.#pump();
  }

  /** @param {Entry|undefined} entry */
  #drop(entry) {
    entry?.stream?.close();
    if (entry) this.#rooms.delete(entry.room);
  }

  /** @param {Entry} entry */
  #open(entry) {
    const {room, since} = entry;
    entry.at = now();
    entry.stream = new Stream({...this.#where, room, since}, {
      heard: this.#hooks.heard,
      receive: (o) => {
        if (o.type === 'goodbye') return this.#tell(o);
        if (o.type === 'welcome' && o.session) this.#where.session = o.session;
        this.#tell({...o, room});
        if (o.type === 'welcome' && !this.#known) this.#first();
      },
      lost: (code, reason, why) => this.#ended(entry, code, reason, why),
    });
  }

  #first() {
    this.#known = true;
    this.#pump();
  }

  /** @param {Entry} entry @param {number} code @param {string} reason @param {ChatError|null} [why] */
  #ended(entry, code, reason, why) {
    const {room} = entry;
    this.#rooms.delete(room);
    if (why && noStreams.has(why.status)) return this.#lost(code, reason, why);
    if (why) this.#tell({type: 'error', room, code: why.code, message: why.message, retry_after_ms: why.retryAfter});
    else if (code === 1006 || code === 1001 || code === 4001) return this.#lost(code, reason); // it concerns all
    else this.#tell({type: 'left', room, code, reason});
    this.#free();
  }
}
