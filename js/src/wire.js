// Small things of the protocol.

/** A place in a room's log, as `since` names it: EPOCH:OFFSET, or EPOCH:OFFSET:TIME
 * with the time of the entry there, in milliseconds since 1970. */
export class Place {
  /** @param {string} epoch @param {number} offset @param {number} [time] */
  constructor(epoch, offset, time = NaN) {
    this.epoch = epoch;
    this.offset = offset;
    this.time = time;
  }

  /** @param {unknown} s @returns {Place|null} null if it is none */
  static parse(s) {
    const m = typeof s === 'string' ? /^([^:]+):(\d+)(?::(\d+))?$/.exec(s) : null;
    return m && new Place(m[1], Number(m[2]), m[3] === undefined ? NaN : Number(m[3]));
  }

  toString() { return `${this.epoch}:${this.offset}${this.time > 0 ? `:${this.time}` : ''}`; }
}

/** @returns {string} a new id for a message */
export const newID = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('');

/** @param {string|undefined} s @returns {s is string} */
export const isSession = (s) => /^[\w-]{32}$/.test(s ?? '');

/** @param {string} s */
export const utf8Length = (s) => new TextEncoder().encode(s).length;

/** @param {string|undefined} token @returns {Record<string, string>} the headers that carry it */
export const bearer = (token) => (token ? {Authorization: `Bearer ${token}`} : {});

/** What may stand in the list of subprotocols (RFC 9110, section 5.6.2). @param {string} s */
export const isToken = (s) => /^[\w!#$%&'*+.^`|~-]+$/.test(s);
