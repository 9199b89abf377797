// The button that copies a link to the room.

import {$} from './text.js';

/** @param {(text: string) => void} notice tells what went wrong */
export function offerLink(notice) {
  $('copy').hidden = !navigator.clipboard;
  $('copy').addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {
      return notice('The browser does not let this page copy. The address of this page is the link.');
    }
    $('copy').classList.add('done');
    $('copy').ariaLabel = 'Link copied';
    setTimeout(() => {
      $('copy').classList.remove('done');
      $('copy').ariaLabel = 'Copy a link to this room';
    }, 2000);
  });
}
