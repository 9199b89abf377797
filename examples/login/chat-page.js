// A small page with chat.js, in the style of package chatpage. The cookie says who the user is.
// The browser sends it by itself.

import {connect} from '/static/chat.js';
import {List} from '/static/list.js';
import {Viewport} from '/static/viewport.js';

const $ = (id) => document.getElementById(id);
const chat = connect('/chat/', {room: 'general'});
const entry = (m) => ({kind: 'message', m, own: m.user === chat.user, date: new Date(m.time)});
const list = new List(new Viewport({scroller: $('scroller'), box: $('log'), top: $('start')}), {
  entry, moved() {},
  load: (before) => chat.history(before === undefined ? {} : {before}),
  start: () => 'This is the beginning of general',
});
list.show();

chat.on('message', (m) => list.add(entry(m), !m.live));
chat.on('gap', ({reset}) => list.gap({kind: 'gap', date: new Date(), text: 'Some messages may be missing here.'}, reset));
chat.on('welcome', () => list.mayHaveOlder());
chat.on('members', () => ($('present').textContent = chat.count === 1 ? 'Only you are here' : `${chat.count} people here`));
chat.on('state', ({state, error}) => {
  $('app').dataset.state = state;
  $('state').textContent = {connecting: 'Connecting…', open: `Connected as ${chat.username}`, waiting: 'Connection lost, trying again',
    closed: `Disconnected: ${error?.message}. Reload to log in or come back.`}[state];
  if (state !== 'open') $('present').textContent = 'Not connected';
});

const send = () => {
  const text = $('text').value;
  if (!text.trim()) return;
  $('text').value = '';
  list.toEnd();
  chat.send(text).catch((e) => {
    $('text').value ||= text; // keep the text that the user has written
    $('state').textContent = `Not sent: ${e.message}`;
  });
};
$('composer').addEventListener('submit', (e) => {
  e.preventDefault();
  send();
});
$('text').addEventListener('keydown', (e) => {
  if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  send();
});
$('text').focus();
