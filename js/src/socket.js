// One WebSocket, as link.js uses it.

/** What carries the objects of a connection in both directions: a WebSocket (here), or plain HTTP (stream.js, streams.js).
 * @typedef {object} Wire
 * @property {(text: string) => void} send an object as JSON
 * @property {() => void} close ends it: none of the hooks is called any longer
 * @property {boolean} pings whether the other side answers a ping
 * @property {boolean} busy whether something that was sent has not left yet */
/** @typedef {object} WireHooks
 * @property {(object: any) => void} receive takes each object from the server
 * @property {() => void} heard something came, whatever it is
 * @property {(code: number, reason: string, why?: import('./errors.js').ChatError|null) => void} lost called once: it is
 *   over, or was never there. code as in the protocol, 1006 if nothing told one; why: the server's refusal over HTTP */

/** @implements {Wire} */
export class Socket {
  pings = true; busy = false;
  #ws;

  /** @param {URL} url of http or https @param {string[]} protocols @param {WireHooks} hooks */
  constructor(url, protocols, hooks) {
    const at = new URL(url);
    at.protocol = at.protocol.replace('http', 'ws');
    const ws = this.#ws = new WebSocket(at, protocols);
    ws.onmessage = ({data}) => {
      hooks.heard();
      let object;
      try {
        object = JSON.parse(data);
      } catch {
        return;
      }
      hooks.receive(object);
    };
    ws.onclose = (e) => hooks.lost(e.code, e.reason);
  }

  /** Whether the handshake is done. */
  get opened() { return this.#ws.readyState === 1; }

  /** @param {string} text */
  send(text) { this.#ws.send(text); }

  close() {
    this.#ws.onmessage = this.#ws.onclose = null;
    this.#ws.close(1000);
  }
}
