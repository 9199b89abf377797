// Plays a recorded session of interop/vectors against a server: see the README there. It uses nothing of
// this repository's clients.
import http from 'node:http';
import {isDeepStrictEqual} from 'node:util';
import WebSocket from 'ws';

const patience = 60_000; // the longest time of a step, in milliseconds
const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z';
const placeholder = /\$\{([A-Za-z0-9_.:]+)\}/g;
const literal = (text) => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

/** What the names in a session stand for. */
class Names {
  values = new Map();

  /** Puts the values of names into a text. */
  fill(text) {
    return text.replace(placeholder, (_, name) => {
      if (name.startsWith('ms:')) return String(Date.parse(this.get(name.slice(3))));
      return this.get(name);
    });
  }

  get(name) {
    if (!this.values.has(name)) throw new Error(`nothing has set ${name}`);
    return this.values.get(name);
  }

  /** Tells what differs between a value and its pattern. If nothing does, the names in the pattern are set. */
  differs(pattern, value) {
    const before = new Map(this.values);
    const why = this.compare('', pattern, value);
    if (why) this.values = before;
    return why;
  }

  compare(at, pattern, value) {
    const unlike = `${at} is ${JSON.stringify(value)}, but expected is ${JSON.stringify(pattern)}`;
    if (pattern === '${int}') return Number.isInteger(value) && value >= 0 ? '' : unlike;
    if (typeof pattern === 'string') return typeof value === 'string' && this.matches(pattern, value) ? '' : unlike;
    if (pattern === null || typeof pattern !== 'object') return pattern === value ? '' : unlike;
    if (value === null || typeof value !== 'object' || Array.isArray(pattern) !== Array.isArray(value)) return unlike;
    if (!isDeepStrictEqual(Object.keys(pattern).sort(), Object.keys(value).sort())) return unlike;
    for (const key of Object.keys(pattern)) {
      const why = this.compare(`${at}/${key}`, pattern[key], value[key]);
      if (why) return why;
    }
    return '';
  }

  matches(pattern, value) {
    const names = [];
    let form = '', from = 0;
    for (const m of pattern.matchAll(placeholder)) {
      form += literal(pattern.slice(from, m.index));
      from = m.index + m[0].length;
      const timed = m[1].startsWith('time:');
      const name = timed ? m[1].slice(5) : m[1];
      if (name === 'time') form += time;
      else if (name === 'text') form += '[^]*';
      else if (this.values.has(name)) form += literal(this.values.get(name));
      else {
        names.push(name);
        form += timed ? `(${time})` : '([^:]+)';
      }
    }
    const found = value.match(new RegExp(`^(?:${form}${literal(pattern.slice(from))})$`));
    names.forEach((name, i) => found && this.values.set(name, found[i + 1]));
    return found !== null;
  }
}

/** A connection: what it has received waits in a queue until a step expects it. */
class Peer {
  queue = [];
  waiting = null;

  push(received) {
    this.queue.push(received);
    this.waiting?.();
  }

  async next() {
    if (this.queue.length === 0) {
      let timer;
      await new Promise((resolve, reject) => {
        this.waiting = resolve;
        timer = setTimeout(() => reject(new Error('nothing comes')), patience);
      }).finally(() => clearTimeout(timer));
    }
    return this.queue.shift();
  }

  async object() {
    const received = await this.next();
    if (!('object' in received)) throw new Error(`the connection has ended: ${JSON.stringify(received)}`);
    return received.object;
  }

  async end() {
    const received = await this.next();
    if ('object' in received) throw new Error(`in place of the end comes ${JSON.stringify(received.object)}`);
    return received;
  }
}

function socket(url, protocols, headers) {
  const peer = new Peer();
  const ws = new WebSocket(url.replace('http', 'ws'), protocols, {headers, perMessageDeflate: false});
  ws.on('message', (data, binary) => peer.push(binary ? {error: 'a binary frame'} : {object: JSON.parse(data.toString())}));
  ws.on('close', (code, reason) => peer.push({closed: code, reason: reason.toString()}));
  peer.cut = () => ws.terminate();
  peer.close = (code) => ws.close(code);
  peer.send = (data, binary) => ws.send(data, {binary});
  return new Promise((resolve, reject) => {
    ws.on('error', reject);
    ws.once('open', () => {
      const want = protocols.includes('chat.v1') ? 'chat.v1' : '';
      if (ws.protocol === want) return resolve(peer);
      ws.terminate();
      reject(new Error(`the subprotocol is ${JSON.stringify(ws.protocol)}`));
    });
  });
}

function stream(url, headers) {
  const peer = new Peer();
  return new Promise((resolve, reject) => {
    const request = http.get(url, {agent: false, headers}, (answer) => {
      if (answer.statusCode !== 200) return reject(new Error(`no event stream, but ${answer.statusCode}`));
      let text = '';
      answer.setEncoding('utf8').on('data', (more) => {
        const records = (text += more).split('\n\n');
        text = records.pop();
        for (const record of records) {
          const lines = record.split('\n').filter((line) => !line.startsWith(':'));
          const fields = lines.map((line) => /^(\w+): ?(.*)$/.exec(line));
          if (fields.length > 0) peer.push({object: Object.fromEntries(fields.map(([, name, value]) => [name, name === 'id' ? value : JSON.parse(value)]))});
        }
      });
      answer.on('end', () => peer.push({end: true}));
      answer.on('error', (e) => peer.push({error: String(e)}));
      peer.cut = () => request.destroy();
      resolve(peer);
    });
    request.on('error', reject);
  });
}

function ask(url, method, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, {agent: false, method, headers, timeout: patience}, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (more) => { text += more; });
      answer.on('end', () => resolve({status: answer.statusCode, headers: answer.headers, text}));
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('upgrade', (_, s) => s.destroy(new Error('the connection is upgraded')));
    request.on('error', reject);
    request.end(body);
  });
}

/** Plays a session against the server with this URL. The first difference is an error. */
export async function play(session, url) {
  const names = new Names();
  const peers = new Map();
  const equal = (pattern, value) => {
    const why = names.differs(pattern, value);
    if (why) throw new Error(`${why} in ${JSON.stringify(value)}`);
  };
  const filled = (headers = {}) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, names.fill(value)]));
  const text = (body) => names.fill(typeof body === 'string' ? body : JSON.stringify(body));

  const kinds = {
    async open(step) {
      const at = url + names.fill(step.path);
      const opened = step.events ? stream(at, filled(step.headers)) : socket(at, (step.protocols ?? []).map((p) => names.fill(p)), filled(step.headers));
      peers.set(step.open, await opened);
    },
    send(step, peer) {
      if (step.binary) peer.send(Buffer.from(step.binary, 'hex'), true);
      else if (step.hex) peer.send(Buffer.from(step.hex, 'hex'), false);
      else peer.send(step.object ? text(step.object) : step.text ?? 'x'.repeat(step.fill), false);
    },
    async expect(step, peer) {
      for (const pattern of step.objects ?? []) equal(pattern, await peer.object());
      const left = [...(step.unordered ?? [])];
      while (left.length > 0) {
        const object = await peer.object();
        const i = left.findIndex((pattern) => !names.differs(pattern, object));
        if (i < 0) throw new Error(`${JSON.stringify(object)} is not among the expected objects`);
        left.splice(i, 1);
      }
      if (step.end) equal({end: true}, await peer.end());
      if (step.closed) equal({closed: step.closed, reason: step.reason ?? '${text}'}, await peer.end());
    },
    async close(step, peer) {
      peer.close(step.code ?? 1000);
      equal({closed: step.code ?? 1000, reason: '${text}'}, await peer.end());
    },
    cut: (_, peer) => peer.cut(),
    async request(step) {
      const [method, path] = step.request.split(' ');
      const answer = await ask(url + names.fill(path), method, filled(step.headers), step.body === undefined ? undefined : text(step.body));
      if (answer.status !== step.status) throw new Error(`the answer is ${answer.status} ${answer.text}`);
      for (const [name, pattern] of Object.entries(step.answered ?? {})) {
        const value = answer.headers[name.toLowerCase()];
        equal(pattern, pattern === '${int}' ? Number(value) : value);
      }
      if (answer.text || step.answer) equal(step.answer, JSON.parse(answer.text));
    },
  };
  try {
    for (const [i, step] of session.steps.entries()) {
      const kind = Object.keys(kinds).find((k) => k in step);
      for (let n = 0; n < (step.repeat ?? 1); n++) {
        await Promise.resolve(kinds[kind](step, peers.get(step[kind]))).catch((e) => {
          throw new Error(`step ${i + 1}, ${JSON.stringify(step)}: ${e.message}`);
        });
      }
    }
  } finally {
    for (const peer of peers.values()) peer.cut();
  }
}
