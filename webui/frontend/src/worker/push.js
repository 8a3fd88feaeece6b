// What the service tells this browser while no page of it is looked at (mailserver/notices/push/notifications.py).

const ICON = "/icone-192.png";

async function show(data) {
  let note;
  try {
    note = data.json();
  } catch {
    return;
  }
  const windows = await self.clients.matchAll({ type: "window" });
  if (windows.some((one) => one.focused)) return;
  await self.registration.showNotification(note.titre, {
    body: note.texte,
    tag: note.marque,
    icon: ICON,
    badge: ICON,
    data: note.adresse,
  });
}

// The page it is about: one that is open is looked at, what is being written in another stays as it is.
async function open(address) {
  const wanted = new URL(address, location.origin).href;
  const windows = await self.clients.matchAll({ type: "window" });
  const there = windows.find((one) => one.url === wanted);
  if (there) return there.focus();
  return self.clients.openWindow(wanted);
}

self.addEventListener("push", (event) => {
  if (event.data) event.waitUntil(show(event.data));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});
