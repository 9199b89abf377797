// What the server and the connection have to say, in words that tell what to do.

import {$, timeIn} from './text.js';

/** @typedef {import('./chat.js').ChatError} ChatError */
/** @typedef {import('./types.js').StateChange} StateChange */

/** @param {string} s @returns {string} s as a sentence */
const sentence = (s) => (s ? `${s[0].toUpperCase()}${s.slice(1)}.` : 'Something went wrong.');

/** What is wrong with a message or a wish, inside a room. @param {ChatError} e */
export function advice(e) {
  switch (e.code) {
    case 'too_long': return 'That message is too long for this server. Shorten it, or send it in parts.';
    case 'no_such_user': return 'They have left the room, so the private message was not sent.';
    case 'uncertain': return 'A message may have arrived, or not. Look whether it is there before you send it again.';
    case 'timeout': return 'The server did not answer in time. Press Retry: it will not be sent twice.';
    case 'closed':
    case 'disconnected': return 'You are not connected. Come back to the room, then press Retry.';
    case 'forbidden': return `You may not do this here: ${e.message}.`;
    case 'rejected': return `The server refused this: ${e.message}. Change it and try again.`;
    case 'empty_message': return 'There is nothing in that message.';
    default: return sentence(e.message);
  }
}

/** Why a message waits. @param {ChatError} [e] nothing: the server's rate is kept */
export const waitingFor = (e) => (e?.code === 'unavailable' ? 'The server cannot store messages right now.' : 'That is faster than this server allows.');

/** Why one cannot come in. @param {ChatError} [e] nothing: nobody answers */
export function refusal(e) {
  switch (e?.code) {
    case undefined: return 'The server cannot be reached.';
    case 'unauthorized':
    case 'bad_token':
    case 'auth_failed': return `You have to sign in first: ${e.message}.`;
    case 'forbidden': return `You may not enter: ${e.message}.`;
    case 'too_many': return 'This server is full at the moment.';
    case 'unavailable': return 'This server cannot let anyone in right now.';
    case 'close_1008': return 'The server does not let you in.';
    case 'close_4003': return 'You may not enter this room.';
    default: return sentence(e.message);
  }
}

/** Shows at the door how it goes. @param {StateChange} change */
export function showKnocking({state, error}) {
  $('enter').textContent = state === 'connecting' ? 'Joining…' : 'Join';
  if (state === 'waiting') $('refused').textContent = `${refusal(error)} Trying again…`;
}

const endings = {
  close_4001: 'You have to sign in again',
  close_4003: 'You may no longer enter this room',
};
let countdown = 0;

/** Shows how the connection to a room is. @param {StateChange} change @param {boolean} welcomed whether the user was in the room */
export function showConnection({state, wait = 0, error}, welcomed) {
  clearInterval(countdown);
  const refused = state === 'closed' && !welcomed;
  $('closed').textContent = refused ? refusal(error) : '';
  $('app').dataset.state = state;
  $('again').hidden = state === 'open' || state === 'connecting' || error?.code === 'close_4003';
  $('again').textContent = refused ? 'Try again' : state === 'closed' ? 'Come back' : 'Try now';
  const say = (text) => ($('state').textContent = text);
  if (state === 'open') return say('Connected');
  if (state === 'connecting') return say('Connecting…');
  if (refused) return say('Not in this room');
  if (state === 'closed') return say(endings[error?.code] ?? 'You were removed from this room');
  if (error?.code === 'too_many_streams') return say('Other rooms are in use');
  say('Connection lost, trying again');
  if (wait < 1500) return;
  const until = performance.now() + wait;
  const left = $('state').appendChild(document.createElement('span')); // not read out each second
  left.ariaHidden = 'true';
  const tick = () => (left.textContent = timeIn(until - performance.now()));
  tick();
  countdown = Number(setInterval(tick, 1000));
}

/** Ends the countdown. */
export const stopCounting = () => clearInterval(countdown);
