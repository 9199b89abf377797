// Whether a message is for the user: names after an @, as people write them.

const plain = (s) => s.normalize('NFKC').toLowerCase();
const inWord = /[\p{L}\p{N}\p{M}_]/u;
const tailAfter = /^\s*\(?([\w-]{4,})/;

/** @typedef {{user: string, username: string}} Person */

/** Whether text names a person after an at sign. Where several people could be meant, the longest name counts: what
 * calls Ann Lee does not call Ann. People who share a name are called together, unless the end of an id follows.
 * @param {string} text @param {Person} me @param {Iterable<Person>} others */
export function calls(text, me, others) {
  const said = plain(text), mine = plain(me.username);
  if (!mine || !said.includes(`@${mine}`)) return false; // which is so for most
  const people = [...others].filter(({user}) => user !== me.user).map(({user, username}) => ({user, name: plain(username)}));
  for (let at = said.indexOf('@'); at >= 0; at = said.indexOf('@', at + 1)) {
    if (at > 0 && inWord.test(said[at - 1])) continue; // an address of mail
    const rest = said.slice(at + 1);
    const named = (name) => rest.startsWith(name) && !inWord.test(rest.charAt(name.length));
    if (!named(mine)) continue;
    if (people.some(({name}) => name.length > mine.length && named(name))) continue;
    const tail = rest.slice(mine.length).match(tailAfter)?.[1];
    const same = people.filter(({name}) => name === mine);
    if (!tail || same.length === 0 || me.user.toLowerCase().endsWith(tail) || !same.some(({user}) => user.toLowerCase().endsWith(tail))) return true;
  }
  return false;
}

/** @param {any} m a message of somebody else @param {Person} me @param {Iterable<Person>} others
 * @param {(offset: number) => any} at the list's entry of a message @returns {boolean} whether it is for the user */
export const isFor = (m, me, others, at) => m.type === 'private' || Boolean(m.reply_to && at(m.reply_to)?.own) || calls(m.message, me, others);
