// The network's going and coming, said on the page; and the service worker, which keeps what can be read meanwhile.

const FIRST_MS = 5000;
const MOST_MS = 60_000;
const SHOWN_MS = 6000;
const OWN = "/hors-connexion"; // the page without a network, when somebody asks for it by its name

const place = document.getElementById("reseau");
const words = place?.querySelector("[role=status]");
const isCopy = place?.hidden === false; // the worker has shown it: the page is of an earlier time
let away = isCopy;
let pause = FIRST_MS;
let timer = 0;

function say(text) {
  words.textContent = text;
  place.hidden = !text;
}

function lost() {
  if (!away && place.dataset.hors) say(place.dataset.hors);
  away = true;
  clearTimeout(timer);
  timer = setTimeout(probe, pause);
  pause = Math.min(pause * 2, MOST_MS);
}

function isWritten() {
  return Boolean(document.querySelector(".panneau, form.ecrire"));
}

function back() {
  clearTimeout(timer);
  if (!away) return;
  away = false;
  pause = FIRST_MS;
  if (isCopy && !isWritten()) {
    // A server that answers this and not the page is not asked for it without end.
    const again = performance.getEntriesByType("navigation")[0]?.type === "reload";
    if (location.pathname !== OWN) setTimeout(() => location.reload(), again ? FIRST_MS : 0);
    return;
  }
  say(place.dataset.retour);
  setTimeout(() => {
    if (!away) say("");
  }, SHOWN_MS);
  document.dispatchEvent(new CustomEvent("reseau-revenu"));
}

// Whether the server can be reached: what the browser says of the network is a hint, no more.
async function probe() {
  try {
    await fetch("/session/etat", { cache: "no-store" });
  } catch {
    lost();
    return;
  }
  back();
}

if (place) {
  addEventListener("offline", lost);
  addEventListener("online", probe);
  addEventListener("visibilitychange", () => {
    if (away && !document.hidden) probe();
  });
  document.addEventListener("sans-reponse", probe);
  document.addEventListener("reseau-perdu", probe);
  if (away || !navigator.onLine) probe();
}

// ------------------------------------------------------------------ nothing of anybody's stays

async function forget() {
  for (const name of await caches.keys()) if (name.startsWith("pages ")) await caches.delete(name);
}

document.addEventListener("session-finie", forget);
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute?.("action") === "/deconnexion") forget();
});

if ("serviceWorker" in navigator && place?.dataset.script) navigator.serviceWorker.register("/sw.js").catch(() => {});
