// The messages of a room as they are now: what edits, deletes and reactions have made of
// them. It needs no other file and no document, and does what View of package client does.

/** @typedef {{reaction: string, count: number, users: string[]}} Reaction count is exact; users are at most 50 of them, and may
 *   be fewer than both after one of more than 50 has taken the reaction back */

const listed = 50; // users of a reaction
const remembered = 256; // the latest amendments, for the messages of pages that were read before them

/** What amendment makes of message; null if that is deleted. An amendment that the message reflects already
 * does nothing. @param {any} message @param {any} amendment @returns {any} another object if it is changed */
export function fold(message, amendment) {
  if (amendment.offset <= (message.amended ?? 0)) return message;
  if (amendment.type === 'delete') return null;
  const {data, reactions, ...rest} = message;
  const all = amendment.type === 'reaction' ? react(reactions ?? [], amendment) : reactions;
  const now = amendment.type === 'edit' ? {...rest, message: amendment.message, edited: amendment.time} : rest;
  const content = amendment.type === 'edit' ? amendment.data : data;
  return {...now, ...(content && {data: content}), ...(all?.length && {reactions: all}), amended: amendment.offset};
}

/** The server stores only reactions that change something, so each counts, also of users who are not listed.
 * @param {Reaction[]} all @param {any} amendment @returns {Reaction[]} */
function react(all, {reaction, user, remove}) {
  const old = all.find((r) => r.reaction === reaction);
  if (!old) return remove ? all : [...all, {reaction, count: 1, users: [user]}];
  const has = old.users.includes(user);
  let {count, users} = old;
  if (remove && (has || count > users.length)) {
    count--;
    users = users.filter((u) => u !== user);
  } else if (!remove && !has) {
    count++;
    if (users.length < listed) users = [...users, user];
  }
  return all.map((r) => (r === old ? {reaction, count, users} : r)).filter((r) => r.count > 0);
}

/** @param {any[]} all @param {number} at @param {number} n @param {any[]} others */
const spliced = (all, at, n, others) => [...all.slice(0, at), ...others, ...all.slice(at + n)];

/** The latest amendments: what they make of a message that comes after them. */
export class Amendments {
  /** @type {any[]} */ #all = [];

  /** @param {any} amendment */
  add(amendment) {
    this.#all.push(amendment);
    if (this.#all.length >= 2 * remembered) this.#all.splice(0, remembered);
  }

  /** @param {any} message @returns {any} null if it is deleted */
  now(message) {
    for (const a of this.#all) if (message && a.target === message.offset) message = fold(message, a);
    return message;
  }
}

/** Keeps the messages of a room as they are now, from the events of a Chat (follow) and pages of its history (merge).
 * It begins anew after a gap, because what was amended in the gap is not known: then it has what the server sends first,
 * and older messages if they are merged again. Merge a page soon, and after a gap none that was asked for before. */
export class View {
  /** Oldest first. The array is another one after each change, and so are messages. @type {any[]} */ messages = [];
  /** The user's marker; 0: none. */ read = 0;

  #limit; #epoch = ''; #gap = false; #user = ''; #amendments = new Amendments();

  /** @param {{limit?: number}} [options] limit: how many messages it has at most, the newest; by default 1000 */
  constructor({limit = 1000} = {}) { this.#limit = limit > 0 ? limit : 1000; }

  /** Applies the events of a chat as they come. @param {import('./chat.js').Chat} chat
   * @param {() => void} [changed] called when the messages or the marker have changed
   * @returns {() => void} what ends it */
  follow(chat, changed = () => {}) {
    const types = /** @type {const} */ (['welcome', 'gap', 'message', 'update', 'edit', 'delete', 'reaction', 'read']);
    const offs = types.map((type) => chat.on(type, (/** @type {any} */ o) => this.apply(type, o) && changed()));
    return () => offs.forEach((off) => off());
  }

  /** Takes the next event. @param {string} type that of the Chat's event @param {any} o what came with it
   * @returns {boolean} whether anything has changed */
  apply(type, o) {
    switch (type) {
      case 'gap':
        this.#gap = true;
        return this.#clear();
      case 'welcome': return this.#welcome(o);
      case 'message':
      case 'update': return this.#put(o);
      case 'read':
        if (o.user !== this.#user || o.offset <= this.read) return false;
        this.read = o.offset;
        return true;
      case 'edit':
      case 'delete':
      case 'reaction': {
        this.#amendments.add(o);
        const i = this.#find(o.target), was = this.messages[i];
        if (was?.offset !== o.target) return false;
        const now = fold(was, o);
        if (now === was) return false;
        this.messages = spliced(this.messages, i, 1, now ? [now] : []);
        return true;
      }
    }
    return false;
  }

  /** Adds the messages of a page, as they are by now. One of another epoch is ignored.
   * @param {{messages: any[], epoch?: string, position?: string}} page @returns {boolean} whether anything has changed */
  merge({messages, epoch, position}) {
    epoch ??= position?.split(':')[0];
    if (epoch && this.#epoch && epoch !== this.#epoch) return false;
    let changed = false;
    for (const m of [...messages].reverse()) changed = this.#put(m) || changed; // the oldest may be too many
    return changed;
  }

  /** The message at an offset, if it is there. @param {number} offset @returns {any} */
  at(offset) {
    const m = this.messages[this.#find(offset)];
    return m?.offset === offset ? m : undefined;
  }

  /** The number of messages after `read` that are from others, as far as they are here: for more, the welcome has it. */
  get unread() { return this.messages.filter((m) => m.offset > this.read && m.user !== this.#user).length; }

  /** @param {any} o */
  #welcome(o) {
    const epoch = String(o.position).split(':')[0], read = o.read ?? 0;
    let changed = this.#user !== o.user;
    if (this.#epoch && this.#epoch !== epoch) {
      changed = this.#clear() || this.read > 0 || changed;
      this.read = 0;
    }
    if (o.gap && !this.#gap) changed = this.#clear() || changed;
    changed ||= read > this.read;
    this.#gap = false;
    this.#epoch = epoch;
    this.#user = o.user;
    this.read = Math.max(this.read, read);
    return changed;
  }

  #clear() {
    const changed = this.messages.length > 0;
    this.messages = [];
    this.#amendments = new Amendments();
    return changed;
  }

  /** @param {number} offset @returns {number} the index of the first message that is not before it */
  #find(offset) {
    let from = 0, to = this.messages.length;
    while (from < to) {
      const mid = (from + to) >> 1;
      if (this.messages[mid].offset < offset) from = mid + 1;
      else to = mid;
    }
    return from;
  }

  /** Takes a message as it was at some time. @param {any} m */
  #put(m) {
    const i = this.#find(m.offset), was = this.messages[i];
    const held = was?.offset === m.offset;
    if (held ? (m.amended ?? 0) <= (was.amended ?? 0) : i === 0 && this.messages.length >= this.#limit) return false;
    const now = this.#amendments.now(m);
    if (!now) return false; // it has been deleted since
    this.messages = spliced(this.messages, i, held ? 1 : 0, [now]).slice(-this.#limit);
    return true;
  }
}
