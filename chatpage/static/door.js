// The door: where the user says who it is, and to which room.

import {rooms as listRooms} from './chat.js';
import {offerRooms} from './side.js';
import {refusal} from './status.js';
import {$} from './text.js';

/** Shows the door. @param {URL} base where the server is @param {import('./chat.js').ChatError|null} [error] why the user is there */
export function showDoor(base, error = null) {
  $('app').hidden = true;
  $('door').hidden = false;
  document.documentElement.classList.remove('back');
  $('enter').textContent = 'Join';
  $('enter').disabled = false;
  $('refused').textContent = error ? refusal(error) : '';
  if (error) $(error.code === 'bad_name' ? 'name' : 'room').focus();
  document.title = 'chat';
  ask(base);
}

let next = 0, offered = '';

/** Offers the rooms with most people, and looks again: at first soon, because the server's list may be a moment old. @param {URL} base */
async function ask(base, pause = 2000) {
  clearTimeout(next);
  if ($('door').hidden) return;
  next = Number(setTimeout(() => ask(base, 20_000), pause));
  if (document.hidden) return;
  try {
    const open = await listRooms(base, {limit: 4}), now = JSON.stringify([...open]);
    if (now === offered) return; // the one that has the focus stays
    offered = now;
    offerRooms($('open'), open, (room) => {
      $('room').value = room;
      $('name').focus();
    });
  } catch { /* joining tells */ }
}
