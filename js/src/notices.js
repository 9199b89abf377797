// What a client tells the server without an answer: that the user is typing, has read up to
// a place, and the application's signals.

import {ChatError} from './errors.js';
import {later, now} from './time.js';

const typingPause = 2500, readPause = 500; // milliseconds between two
const perSecond = 20; // signals that a server passes on
const readID = 'chat.read', signalID = 'chat.signal'; // by which it refuses them

export class Notices {
  #send; #open = false; #typed = -Infinity;
  #epoch; #want = 0; #sent = 0; #marked = -Infinity; #stop = () => {};
  #spent = 0; #filled = -Infinity;
  /** @type {Set<string>} */ #refused = new Set(); // for as long as there is this connection

  /** @param {(object: object) => void} send @param {string} epoch that offsets are of before there is a connection; '': not known */
  constructor(send, epoch) {
    this.#send = send;
    this.#epoch = epoch;
  }

  /** There is a connection. @param {string} epoch that offsets are of @param {number} read the marker that the server has
   * @param {boolean} old whether the server knows neither markers nor signals */
  opened(epoch, read, old) {
    if (this.#epoch && epoch !== this.#epoch) this.#want = 0; // offsets of another epoch do not compare
    this.#epoch = epoch;
    this.#sent = read;
    this.#open = true;
    this.#refused = new Set(old ? [readID, signalID] : []);
    this.#mark();
  }

  lost() {
    this.#open = false;
    this.#stop();
  }

  typing() {
    if (!this.#open || now() - this.#typed < typingPause) return;
    this.#typed = now();
    this.#send({type: 'typing'});
  }

  /** @param {number} offset */
  read(offset) {
    if (!(offset > this.#want && Number.isSafeInteger(offset))) return;
    this.#want = offset;
    this.#mark();
  }

  /** Sends the marker that waits, now. */
  flush() {
    this.#marked = -Infinity;
    this.#mark();
  }

  #mark() {
    this.#stop();
    if (!this.#open || this.#want <= this.#sent || this.#refused.has(readID)) return;
    const wait = this.#marked + readPause - now();
    if (wait > 0) return void (this.#stop = later(wait, () => this.#mark()));
    this.#marked = now();
    this.#sent = this.#want;
    this.#send({type: 'read', offset: this.#want, id: readID});
  }

  /** @param {string} name @param {object} [data] @returns {boolean} whether it is on its way */
  signal(name, data) {
    const t = now();
    this.#spent = Math.max(0, this.#spent - (t - this.#filled) * perSecond / 1000);
    this.#filled = t;
    if (!this.#open || this.#refused.has(signalID) || this.#spent + 1 > perSecond) return false;
    this.#spent++;
    this.#send({type: 'signal', name, data, id: signalID});
    return true;
  }

  /** The server refuses something. @param {string} id @param {ChatError} error
   * @returns {boolean|ChatError} whether it is one of these; the error if that is worth telling */
  refused(id, error) {
    if (id !== readID && id !== signalID) return false;
    if (error.code === 'unsupported' || error.code === 'unknown_type') this.#refused.add(id);
    return error.code === 'rate_limited' || error;
  }
}
