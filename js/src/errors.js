// The errors of the client.

/** Why something failed. `code` is the server's (docs/protocol.md), or from here:
 * timeout, uncertain, disconnected, closed, close_N (the closing code), too_long, bad_token, bad_url, bad_room,
 * too_many_streams, http_N (something between here and the server has answered with that status). */
export class ChatError extends Error {
  /** @param {string} code @param {string} message @param {number} [retryAfter] milliseconds until trying again may help */
  constructor(code, message, retryAfter = 0) {
    super(message);
    this.name = 'ChatError';
    this.code = code;
    this.retryAfter = retryAfter;
    this.final = false; // whether trying again is of no use
    this.status = 0; // of HTTP, if it came in such an answer
  }
}
