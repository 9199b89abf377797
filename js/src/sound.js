// Whether an object of the server is one. Nonsense is ignored, as unknown types are.

/** @typedef {(value: any) => boolean} Check */

/** @type {Check} */ const string = (v) => typeof v === 'string';
/** @type {Check} */ const whole = (v) => Number.isSafeInteger(v) && v >= 0;
/** @type {Check} */ const offset = (v) => Number.isSafeInteger(v) && v > 0;
/** @type {Check} */ const truth = (v) => typeof v === 'boolean';
/** @type {Check} */ const object = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
/** @param {Check} check @returns {Check} */ const maybe = (check) => (v) => v === undefined || check(v);
/** @param {Check} check @returns {Check} */ const list = (check) => (v) => Array.isArray(v) && v.every(check);
/** @param {Record<string, Check>} keys @returns {Check} */
const shape = (keys) => {
  const all = Object.entries(keys);
  return (v) => object(v) && all.every(([key, check]) => check(Object.hasOwn(v, key) ? v[key] : undefined));
};

const limits = shape({message_bytes: maybe(whole), data_bytes: maybe(whole), rate_per_second: maybe((v) => v >= 0), burst: maybe(whole), rooms: maybe(whole)});
const member = shape({user: string, username: string});
const entry = {offset, user: string, username: maybe(string), time: maybe(string), id: maybe(string)};
const reactions = list(shape({reaction: string, count: offset, users: list(string)}));
const message = {...entry, message: string, data: maybe(object), reply_to: maybe(offset), edited: maybe(string), amended: maybe(offset), reactions: maybe(reactions)};
const change = {...entry, target: offset};

/** @type {Map<string, Check>} */
const shapes = new Map(Object.entries(/** @type {Record<string, Record<string, Check>>} */ ({
  hello: {user: maybe(string), username: maybe(string), session: maybe(string), limits: maybe(limits)},
  welcome: {
    room: string, user: string, username: string, session: maybe(string), position: string, limits, id: maybe(string),
    members: maybe(list(member)), member_count: maybe(whole), read: maybe(whole), unread: maybe(whole), moderator: maybe(truth),
  },
  message, private: {...message, to: maybe(string)}, edit: {...change, message: string, data: maybe(object)}, delete: change,
  reaction: {...change, reaction: string, remove: maybe(truth)}, position: {position: string}, ack: {offset: maybe(whole), id: maybe(string)},
  history: {messages: list(shape(message)), request: maybe(string)}, error: {code: string, message: maybe(string), id: maybe(string)},
  left: {code: maybe(whole), reason: maybe(string)}, typing: {user: string, username: maybe(string)}, read: {user: string, offset: whole},
  signal: {user: string, name: string, data: maybe(object)}, system: {event: string, user: string, username: string},
  presence: {joined: list(member), left: list(shape({user: string})), count: whole},
})).map(([type, keys]) => [type, shape(keys)]));

/** @param {any} o what came @returns {boolean} whether it may be used */
export const sound = (o) => object(o) && string(o.type) && (o.room === undefined || string(o.room)) && (shapes.get(o.type)?.(o) ?? true);
