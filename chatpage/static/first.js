// Runs before the first paint: whoever reloads the page is about to be in a room, and is not shown the door meanwhile.
try {
  if (sessionStorage.getItem('chat')) document.documentElement.classList.add('back');
} catch { /* storage is forbidden: nothing is remembered */ }
