// Telling people apart: those with one name, and those whose names only look like one.

// Letters that look like others, by what they look like: mostly like Latin ones. The most
// used scripts beside Latin, after Unicode's confusables (UTS #39), and digits that are
// written for letters. It is of no harm if two are taken for alike that are not.
const looks = {
  a: 'аαɑ', b: 'ЬЪƅ8', c: 'сϲᴄ', d: 'ԁđð', e: 'еҽε', f: 'ſ', g: 'ɡցǵ', h: 'һհнħ', i: 'іιɩӏǀıɪl1ł', j: 'јϳ', k: 'кκ', m: 'мʍ',
  n: 'ոпη', o: 'оοσօ0ᴏø', p: 'рρ', q: 'ԛգ', r: 'гᴦ', s: 'ѕꜱ5', t: 'тτŧ', u: 'υսᴜц', v: 'νѵᴠ', w: 'ԝωѡᴡ', x: 'хχ', y: 'уγүᶌ', z: 'ᴢ2', 3: 'зʒ', 6: 'б', ae: 'æ', oe: 'œ',
  ي: 'ىیے', ك: 'ک', ه: 'ہھە', 二: 'ニ', 八: 'ハ', 力: 'カ', 卜: 'ト', 口: 'ロ', 夕: 'タ', 工: 'エ', 一: 'ー', 丿: 'ノ', へ: 'ヘ',
};
// Capitals that do not look like their small letters.
const capitals = {
  a: 'ΑАᎪ', b: 'ΒВᏴ', c: 'СᏟ', d: 'Ꭰ', e: 'ΕЕᎬ', g: 'Ꮐ', h: 'ΗНᎻ', i: 'ΙІ', j: 'ЈᎫ', k: 'ΚКᏦ', l: 'Ꮮ', m: 'ΜМᎷ', n: 'Ν', o: 'ΟО', p: 'ΡРᏢ', r: 'ᎡᏒ', s: 'ЅᏚ',
  t: 'ΤТᎢ', v: 'Ꮩ', w: 'ᎳᏔ', x: 'ΧХ', y: 'ΥУᎩ', z: 'ΖᏃ',
};
/** @param {Record<string, string>} table @returns {[string, string][]} */
const pairsOf = (table) => Object.entries(table).flatMap(([to, all]) => Array.from(all, (c) => /** @type {[string, string]} */ ([c, to])));
const big = new Map(pairsOf(capitals));
const like = new Map(pairsOf(looks));

/** What a name looks like: names with the same skeleton are easily taken for each other. @param {string} name */
export function skeleton(name) {
  const plain = Array.from(name.normalize('NFKD'), (c) => big.get(c) ?? c).join('').toLowerCase().replace(/[\p{M}\p{Cf}\p{P}\p{S}\p{Z}\s\u0640]+/gu, '');
  if (!plain) return name.normalize('NFC').trim(); // it has nothing but signs, such as emoji
  return Array.from(plain, (c) => like.get(c) ?? c).join('').replaceAll('rn', 'm').replaceAll('vv', 'w').replaceAll('ci', 'd');
}

const most = 5000; // users remembered of a room
const shortest = 4; // characters of a tail

/** The names of those who are in a room or have written there. */
export class Names {
  /** @type {Map<string, Set<string>>} */ #users = new Map(); // by skeleton
  /** @type {Map<string, string>} */ #skeletons = new Map(); // by user

  clear() {
    this.#users.clear();
    this.#skeletons.clear();
  }

  /** Takes a name in; reports whether that makes somebody hard to tell apart.
   * @param {string} user @param {string} username */
  add(user, username) {
    const was = this.#skeletons.get(user), s = skeleton(username);
    if (was === s) return false;
    if (this.#skeletons.size >= most) this.clear();
    if (was !== undefined) this.#users.get(was)?.delete(user);
    this.#skeletons.set(user, s);
    const all = this.#users.get(s) ?? new Set();
    this.#users.set(s, all.add(user));
    return all.size > 1;
  }

  /** What tells a user apart: the end of the id, '' if nobody else's name looks like this one. @param {string} user */
  tail(user) {
    const s = this.#skeletons.get(user);
    const all = s === undefined ? null : this.#users.get(s);
    if (!all || all.size < 2) return '';
    for (let n = shortest; n < user.length; n++) {
      const tail = user.slice(-n);
      if ([...all].every((other) => other === user || other.slice(-n) !== tail)) return tail;
    }
    return user;
  }
}
