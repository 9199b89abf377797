// A proxy that lets WebSockets through or not, in the ways that networks have, and
// cuts what goes through it.

import {once} from 'node:events';
import http from 'node:http';
import {leftover} from './harness.js';

/** @typedef {'through'|'refused'|'stripped'|'cut'|'hangs'} How what becomes of a WebSocket's handshake: it goes through; it
 *   gets 403; it arrives as a plain request; it is answered, and cut a second later; it gets no answer */

/** @param {number} port the server's @param {How} how */
export async function proxy(port, how) {
  const sockets = new Set(), seen = {upgrades: 0, streams: 0, posts: 0};
  const state = {how, loseAnswers: 0};
  const there = (req, headers = req.headers) => ({host: '127.0.0.1', port, method: req.method, path: req.url, headers, agent: false});
  const server = http.createServer((req, res) => {
    const post = req.method === 'POST';
    if (post) seen.posts++;
    else if (req.url.includes('/events')) seen.streams++;
    const up = http.request(there(req), (from) => {
      if (post && state.loseAnswers > 0) { // the server has it, and its answer is lost
        state.loseAnswers--;
        return res.socket?.destroy();
      }
      res.writeHead(from.statusCode, from.headers);
      res.flushHeaders();
      from.on('error', () => res.destroy()).pipe(res);
    });
    up.on('error', () => res.destroy());
    res.on('close', () => up.destroy());
    req.pipe(up);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  const answer = (socket, from) => {
    const lines = Object.entries(from.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.write(`HTTP/1.1 ${from.statusCode} ${from.statusMessage}\r\n${lines}\r\n`);
  };
  server.on('upgrade', (req, socket) => {
    seen.upgrades++;
    if (state.how === 'hangs') return;
    if (state.how === 'refused') return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
    const {upgrade, connection, ...headers} = req.headers;
    const up = http.request(there(req, state.how === 'stripped' ? headers : req.headers), (from) => {
      answer(socket, {...from, statusCode: from.statusCode, statusMessage: from.statusMessage, headers: {...from.headers, connection: 'close'}});
      from.pipe(socket);
    });
    up.on('error', () => socket.destroy());
    up.on('upgrade', (from, other, head) => {
      answer(socket, from);
      socket.write(head);
      for (const [a, b] of [[socket, other], [other, socket]]) a.on('error', () => {}).on('close', () => b.destroy()).pipe(b);
      if (state.how === 'cut') setTimeout(() => socket.resetAndDestroy(), 1000);
    });
    up.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const s of sockets) s.resetAndDestroy();
  };
  leftover(async () => {
    cut();
    server.close();
  });
  return {url: `http://127.0.0.1:${server.address().port}/`, seen, state, cut};
}
