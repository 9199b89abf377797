// The dialog about the room in view: what the user wants to be told of, and the way out for good.

import {$} from './text.js';

/** @param {{alerts: import('./alerts.js').Alerts, room: () => string, changed: () => void, leave: () => void}} hooks
 *   leave: leaves the room for good */
export function offerSettings({alerts, room, changed, leave}) {
  const dialog = $('room-settings');
  const show = (said = '') => {
    $('settings-room').textContent = room();
    for (const radio of dialog.querySelectorAll('[name=level]')) radio.checked = radio.value === alerts.level(room());
    $('alerts-state').textContent = said || (alerts.on ? 'Notifications of this browser are on.' : 'Notifications of this browser are off.');
    $('alerts-turn').textContent = alerts.on ? 'Turn off' : 'Turn on';
  };
  $('settings').addEventListener('click', () => {
    show();
    dialog.showModal();
  });
  $('alerts-turn').addEventListener('click', async () => show(await alerts.turn(!alerts.on)));
  dialog.addEventListener('change', (e) => {
    if (e.target.name !== 'level') return;
    alerts.set(room(), e.target.value);
    changed();
  });
  $('settings-leave').addEventListener('click', () => {
    dialog.close();
    leave();
  });
  $('settings-close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (e) => e.target === dialog && dialog.close());
}
