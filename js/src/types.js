// The types of chat.js, for editors and tsc: there is nothing in here that runs.

/** @typedef {import('./errors.js').ChatError} ChatError */
/** @typedef {import('./roster.js').Member} Member */
/** @typedef {{type: 'message'|'private', offset: number, time: string, user: string, username: string,
 *   message: string, to?: string, to_username?: string, id?: string, data?: any, reply_to?: number, edited?: string,
 *   reactions?: import('./view.js').Reaction[], amended?: number, live?: boolean}} Message
 *   `live` is false for what was sent before this client came or came back; `amended` is the offset of the latest
 *   amendment that the message reflects */
/** @typedef {{type: 'edit'|'delete'|'reaction', offset: number, time: string, user: string, username: string, target: number,
 *   message?: string, data?: any, reaction?: string, remove?: boolean, id?: string, live?: boolean}} Amendment
 *   of the message at the offset `target` */
/** @typedef {{messages: Message[], first: number, more: boolean, epoch?: string}} Page
 *   oldest first, as they are now; `first` is the oldest offset that the server still has, `epoch` is the one that
 *   offsets are of */
/** @typedef {{state: import('./link.js').State, wait?: number, error?: ChatError, code?: number}} StateChange */
/** @typedef {{user: string, username: string, name: string, data?: any}} Signal */

/** The events of a Chat, with what `on` passes:
 *
 *   state    {state: 'connecting'|'open'|'waiting'|'closed', wait?, error?}, wait in milliseconds until the next attempt
 *   welcome  the server's object, on each connection
 *   gap      {reset}: something may be missing between what came and what comes; reset: the log began anew
 *   message  a Message, public or private, one's own too
 *   edit, delete, reaction   an Amendment of a message. view.js keeps what they make of the messages
 *   update   a Message that came before, as it is now: only after a gap
 *   join, leave, typing   a Member; join and leave have the time
 *   read     {user, offset}: so far the user has read; of others only if the server shows that
 *   signal   {user, username, name, data?}: what another client has sent with signal
 *   members  nothing: `members` or `count` changed
 *   held     {wait, error?, id?}: what is not sent yet waits for so many milliseconds: for the server's rate, or
 *            because it refused the message with that id for now. All of it is sent then, in order, by itself
 *   error    a ChatError that belongs to no promise
 *
 * @typedef {{state: StateChange, welcome: any, gap: {reset: boolean}, message: Message, update: Message, edit: Amendment,
 *   delete: Amendment, reaction: Amendment, members: undefined, join: Member & {time: string}, leave: Member & {time: string},
 *   typing: Member, read: {user: string, offset: number}, signal: Signal, error: ChatError, held: import('./queue.js').Held}} Events */

/** @typedef {object} Options
 * @property {string} [room] the room to join; by default "general"
 * @property {string} [username] what people see; by default the server's choice
 * @property {import('./http.js').Token} [token] credentials, or what gets them anew for each attempt
 * @property {string} [session] of an earlier Chat: makes an anonymous client the same user again
 * @property {string} [since] the `position` of an earlier Chat: get only what came after it
 * @property {boolean|import('./remember.js').Store} [remember] true: keep the session and the position in sessionStorage, so that
 *   the same user continues at the same place after a reload of the page; or another storage that belongs to this tab or
 *   process alone. By default nothing is kept
 * @property {number} [sendTimeout] milliseconds that the server has to answer a message; by default 30,000.
 *   The time in which a message waits for a connection, or its turn, is not counted */

/** @typedef {Omit<Options, 'room'|'since'>} ConnectionOptions */

/** The events of a Connection, with what `on` passes:
 *
 *   state    as of a Chat: of the connection, which all rooms share
 *   hello    the server's object, on each connection
 *   joined   a Chat: the service has put the user into this room, without being asked to by `join`
 *   error    a ChatError that belongs to no room
 *
 * @typedef {{state: StateChange, hello: any, joined: import('./chat.js').Chat, error: ChatError}} ConnectionEvents */

export {};
