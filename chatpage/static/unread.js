// What is unread in a room: how many messages of others, and whether one of them is meant for the user. The server's
// marker and count tell of what came before; the messages that come tell of the rest.

const most = 1000; // messages remembered

export class Unread {
  /** The user has read so far; 0: nothing is known. */ read = 0;
  /** @type {Map<number, boolean>} */ #known = new Map(); // offsets of messages that came, and whether they are for the user
  #older = 0; // unread ones that have not come
  #goal = 0; #epoch = '';

  /** How many there are. From 100 on there may be more. */
  get count() { return this.#known.size + this.#older; }

  /** Whether one of them is for the user. */
  get mentioned() { return [...this.#known.values()].includes(true); }

  /** Whether no message that came is unread. */
  get fresh() { return this.#known.size === 0; }

  /** The place up to which the user has read; '' if nothing is known. */
  get place() { return this.#epoch && `${this.#epoch}:${this.read}`; }

  /** The room has welcomed. @param {{position: string, read?: number, unread?: number}} w
   * @param {boolean} visited whether the user was there before: else what is there is not new to the user */
  welcome({position, read, unread = 0}, visited) {
    const [epoch, offset] = position.split(':');
    if (this.#epoch && epoch !== this.#epoch) {
      this.read = 0; // offsets of another epoch do not compare
      this.#known.clear();
    }
    this.#epoch = epoch;
    this.#goal = Number(offset);
    const stranger = !read && !this.read && !visited;
    this.readTo(stranger ? this.#goal : read ?? 0);
    this.#older = stranger || read === undefined ? 0 : Math.max(0, unread - this.#known.size);
  }

  /** Takes a message of somebody else. @param {number} offset @param {boolean} mention @returns {boolean} whether it is unread */
  add(offset, mention) {
    if (offset <= this.read) return false;
    if (!this.#known.has(offset) && offset <= this.#goal) this.#older = Math.max(0, this.#older - 1);
    this.#known.set(offset, mention);
    if (this.#known.size > most) this.#known.delete(this.#known.keys().next().value);
    return true;
  }

  /** A message was deleted. @param {number} offset */
  remove(offset) { this.#known.delete(offset); }

  /** The user has read up to an offset, here or elsewhere. @param {number} offset */
  readTo(offset) {
    if (offset <= this.read) return;
    this.read = offset;
    if (offset >= this.#goal) this.#older = 0;
    for (const known of this.#known.keys()) if (known <= offset) this.#known.delete(known);
  }
}

/** A number of unread messages, as it is shown. @param {number} n */
export const shortly = (n) => (n < 100 ? String(n) : '100+');
