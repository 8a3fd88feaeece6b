// Notifications of the device about new messages, where the person and the browser want them. Only the tab that listens
// to the stream shows any, so a browser shows each once, and none while that tab has the person's attention.

import { away } from "./away.js";
import { texts } from "./said.js";

const WIDE = 960;
let known = 0;

export function note(boxes) {
  known = Math.max(known, Number(boxes[texts.bureau]?.u ?? 0));
}

// What the stream has told this tab; its first word only says where things stand.
export async function arrivals(boxes) {
  const next = Number(boxes[texts.bureau]?.u ?? 0);
  const since = known;
  note(boxes);
  if (!since || next <= since || document.hasFocus() || !("Notification" in window) || Notification.permission !== "granted") return;
  const answer = await fetch(`/flux/nouveaux?depuis=${since}`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.ok) for (const one of await answer.json()) show(one);
}

function show({ titre, texte, message }) {
  const shown = new Notification(titre, {
    body: texte,
    tag: `message-${message}`,
    lang: document.documentElement.lang,
    silent: !("son" in texts),
  });
  shown.addEventListener("click", () => {
    shown.close();
    focus();
    const address = !message ? "/m/" : innerWidth < WIDE ? `/m/message/${message}` : `/m/#m${message}`;
    // A list may be left; what is being written may not.
    if (document.getElementById("liste") && location.pathname + location.hash !== address) away(() => location.assign(address));
    else if (!document.getElementById("liste")) open(address, "_blank", "noopener");
  });
}

// On the settings page: what this browser permits, and a button that asks for it.
const place = document.getElementById("permission");

function tell() {
  const state = Notification.permission;
  place.hidden = false;
  place.querySelector("button").hidden = state !== "default";
  place.querySelector("span").textContent = place.dataset[state] ?? "";
}

if (place && "Notification" in window && isSecureContext) {
  tell();
  place.querySelector("button").addEventListener("click", async () => {
    await Notification.requestPermission();
    tell();
  });
}
