// A chat.v1 client with npm's ws. Argument: the server's URL.
import WebSocket from 'ws';

const [url] = process.argv.slice(2);
const objects = [];
const ws = new WebSocket(`${url}ws/interop?username=Node`, ['chat.v1']);
const next = (type) => new Promise((resolve) => {
  const look = () => {
    const i = objects.findIndex((o) => o.type === type);
    if (i < 0) return false;
    resolve(objects.splice(i, 1)[0]);
    return true;
  };
  if (look()) return;
  const on = () => look() && ws.off('message', on);
  ws.on('message', on);
});
ws.prependListener('message', (data, binary) => {
  if (binary) throw new Error('a binary frame');
  objects.push(JSON.parse(data.toString('utf8')));
});
const must = (ok, what) => {
  if (!ok) throw new Error(what);
};

const welcome = await next('welcome');
must(ws.protocol === 'chat.v1' && welcome.username === 'Node', 'welcome');
must(ws.extensions === '', `extensions ${ws.extensions}`);
const long = 'äöü😀 '.repeat(500);
ws.send(JSON.stringify({type: 'message', message: long, id: 'n1'}));
must((await next('message')).message === long, 'the long message');
must((await next('ack')).id === 'n1', 'ack');
ws.send('{"type":"mess', {fin: false});
ws.send('age","message":"in pieces"}', {fin: true});
must((await next('message')).message === 'in pieces', 'fragments');
const pong = new Promise((resolve) => ws.once('pong', resolve));
ws.ping('are you there?');
must(String(await pong) === 'are you there?', 'pong');
ws.send('nonsense');
must((await next('error')).code === 'bad_json', 'error');
const closed = new Promise((resolve) => ws.once('close', (code) => resolve(code)));
ws.close(1000, 'bye');
must((await closed) === 1000, 'close');
console.log('ok');
