// Reactions below a message: one button for each, with the number of users, and who they are in its name.

import {withNames} from './picker.js';
import {el, plural} from './text.js';

const told = 3; // users whose names are told
const remembered = 5000;
/** @type {Map<string, string>} */ const usernames = new Map();

/** The English names of emoji, once a reaction was drawn. @type {Map<string, string>|null} */ let emoji = null;

let asked = false;

/** Brings the labels up to date that were drawn before the names were there. @param {Map<string, string>} names */
function name(names) {
  emoji = names;
  for (const b of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.reaction[data-reaction]'))) {
    const {reaction} = b.dataset;
    if (b.title.endsWith(` ${reaction}`)) b.ariaLabel = b.title = b.title.slice(0, -reaction.length) + named(reaction);
  }
}

/** @param {string} reaction */
const named = (reaction) => emoji?.get(reaction) ?? reaction.replace(/^:(.*):$/, '$1');

/** Remembers what a user is called. @param {string} user @param {string} username */
export function knows(user, username) {
  if (usernames.size >= remembered) usernames.clear();
  usernames.set(user, username);
}

/** @param {import('./view.js').Reaction} r @param {string} me */
function who({reaction, count, users}, me) {
  const known = users.filter((u) => u !== me && usernames.has(u)).map((u) => usernames.get(u));
  const names = [...(users.includes(me) ? ['You'] : []), ...known].slice(0, told);
  // A name must not turn around the words after it.
  const list = names.map((name) => `\u2068${name}\u2069`), more = count - names.length;
  if (names.length === 0) list.push(plural(count, 'person', 'people'));
  else if (more > 0) list.push(plural(more, 'other', 'others'));
  const all = list.length > 1 ? `${list.slice(0, -1).join(', ')} and ${list.at(-1)}` : list[0];
  return `${all} reacted with ${named(reaction)}`;
}

/** @param {import('./view.js').Reaction[]} all @param {string} me @returns {HTMLElement|null} */
export function reactions(all, me) {
  if (all.length === 0) return null;
  if (!asked) asked = withNames(name, () => (asked = false));
  const list = el('ul', 'reactions', ...all.map((r) => {
    const b = el('button', 'reaction', el('bdi', '', r.reaction), el('span', 'count', ` ${r.count.toLocaleString()}`));
    b.type = 'button';
    b.tabIndex = -1; // until the message has the focus
    b.ariaPressed = String(r.users.includes(me));
    b.ariaLabel = b.title = who(r, me);
    b.dataset.reaction = r.reaction;
    return el('li', '', b);
  }));
  list.ariaLabel = 'Reactions';
  const more = el('button', 'reaction add', el('span', 'quiet', 'Add a reaction'), document.querySelector('#tools-react svg').cloneNode(true));
  more.type = 'button';
  more.tabIndex = -1;
  more.title = 'Add a reaction';
  list.append(el('li', '', more));
  return list;
}
