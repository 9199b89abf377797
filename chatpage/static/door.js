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
  listRooms(base, {limit: 4}).then((open) => offerRooms($('open'), open, (room) => {
    $('room').value = room;
    $('name').focus();
  })).catch(() => {}); // joining tells
}
