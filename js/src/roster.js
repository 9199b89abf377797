// Who is in a room, as far as the client was told.

/** @typedef {{user: string, username: string, connections?: number}} Member */

export class Roster {
  /** @type {Map<string, Member>} */ members;

  /** @param {Member[]} [members] @param {number} [count] how many there are */
  constructor(members = [], count = 0) {
    this.members = new Map(members.map((m) => [m.user, m]));
    this.count = count;
  }

  /** Takes a notice of the server. @param {any} o @returns {'join'|'leave'|'members'|null} what it tells */
  take(o) {
    if (o.type === 'presence') this.#crowd(o);
    else if (o.event === 'join') this.#enter(o);
    else if (o.event === 'leave') this.#leave(o);
    else return null;
    return o.type === 'presence' ? 'members' : o.event;
  }

  /** @param {Member} member */
  #enter(member) {
    if (!this.members.has(member.user)) this.count++;
    this.#put(member);
  }

  /** @param {Member} member */
  #leave({user}) {
    const all = this.members.size >= this.count; // then who is not there was not there
    if (this.members.delete(user) || !all) this.count--;
  }

  /** @param {{joined: Member[], left: Member[], count: number}} change */
  #crowd({joined, left, count}) {
    for (const m of joined) this.#put(m);
    for (const {user} of left) this.members.delete(user);
    this.count = count;
  }

  /** @param {Member} member */
  #put({user, username}) { this.members.set(user, {...this.members.get(user), user, username}); }
}
