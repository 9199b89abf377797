// Small things about text: names, colors, times. Nothing here makes markup
// out of a string; everything becomes text nodes.

/** The element with that id, which the page has. @param {string} id @returns {any} */
export const $ = (id) => document.getElementById(id);

/** Makes an element. @template {keyof HTMLElementTagNameMap} K @param {K} tag @param {string} [name] its class
 * @param {...(Node|string)} children @returns {HTMLElementTagNameMap[K]} */
export function el(tag, name, ...children) {
  const e = document.createElement(tag);
  if (name) e.className = name;
  e.append(...children);
  return e;
}

/** A name, kept from reordering the text around it. */
export const nameOf = (name) => el('bdi', '', name);

const few = /^(?:(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2})(?:\uFE0F|\p{Emoji_Modifier}|\u200D\p{Extended_Pictographic}|[\u{E0020}-\u{E007F}])*\s*){1,3}$/u;

/** Whether s is one to three emoji and nothing else. */
export const isEmoji = (s) => s.length < 60 && few.test(s);

/** @param {string} user @returns {number} a hue that is always the user's */
export function hue(user) {
  let h = 2166136261;
  for (let i = 0; i < user.length; i++) h = Math.imul(h ^ user.charCodeAt(i), 16777619);
  return Math.round(((h >>> 0) % 997) * 137.508) % 360;
}

const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter() : null;

/** A round picture of a user: the first letter in the user's color. */
export function avatar(user, username) {
  const first = segmenter ? segmenter.segment(username)[Symbol.iterator]().next().value?.segment : [...username][0];
  const e = el('span', 'avatar', [...(first ?? '?').toUpperCase()].slice(0, 12).join(''));
  e.setAttribute('aria-hidden', 'true');
  e.style.setProperty('--hue', String(hue(user)));
  return e;
}

const zone = () => new Intl.DateTimeFormat().resolvedOptions().timeZone;
const formats = () => ({
  zone: zone(),
  clock: new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit'}),
  full: new Intl.DateTimeFormat(undefined, {dateStyle: 'full', timeStyle: 'medium'}),
  weekday: new Intl.DateTimeFormat(undefined, {weekday: 'long', day: 'numeric', month: 'long'}),
  date: new Intl.DateTimeFormat(undefined, {dateStyle: 'long'}),
});
let format = formats(); // each keeps the time zone in which it was made
const relative = new Intl.RelativeTimeFormat(undefined, {numeric: 'auto'});

/** Whether the reader is in another time zone now, which counts from here on. */
export function zoneChanged() {
  if (zone() === format.zone) return false;
  format = formats();
  return true;
}

/** @param {Date} d @returns {HTMLTimeElement} the hour and minute */
export function timeOf(d) {
  const e = el('time', '', format.clock.format(d));
  e.dateTime = d.toISOString();
  e.addEventListener('pointerenter', () => (e.title = fullTime(d)), {once: true}); // slow for thousands
  return e;
}

/** @param {Date} d */
export const fullTime = (d) => format.full.format(d);

const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();

export const sameDay = (a, b) => midnight(a) === midnight(b);

/** @param {Date} d @returns {string} Today, Yesterday, or the date */
export function dayOf(d) {
  const days = Math.round((midnight(d) - midnight(new Date())) / 86_400_000);
  if (days === 0 || days === -1) {
    const s = relative.format(days, 'day');
    return s[0].toUpperCase() + s.slice(1);
  }
  return days > -300 ? format.weekday.format(d) : format.date.format(d);
}

/** @param {string[]} names @returns {Node} "A, B and C", or "A, B and 7 others" */
export function namesOf(names) {
  const shown = names.length > 4 ? names.slice(0, 3) : names;
  const out = document.createDocumentFragment();
  shown.forEach((name, i) => {
    if (i > 0) out.append(i === names.length - 1 ? ' and ' : ', ');
    out.append(nameOf(name));
  });
  if (shown.length < names.length) out.append(` and ${names.length - shown.length} others`);
  return out;
}

/** @param {number} n @param {string} one @param {string} many */
export const plural = (n, one, many) => `${n.toLocaleString()} ${n === 1 ? one : many}`;

/** @param {number} ms @returns {string} " in 9 s", " in 5 min" or " in 3 h" */
export function timeIn(ms) {
  const s = Math.max(1, Math.ceil(ms / 1000));
  if (!Number.isFinite(s)) return '';
  return s < 100 ? ` in ${s} s` : s < 6000 ? ` in ${Math.ceil(s / 60)} min` : ` in ${Math.ceil(s / 3600)} h`;
}
