// Reminders of events, while a page is open: one tab of the browser watches the time, all that are looked at show what is
// due, each reminder once. The list of the next day comes from the server; a tab keeps it for a while, as pages come and go.

import { say, texts } from "./said.js";

const LIST = "rappels";
const FIRED = "rappels-dits";
const ASK_MS = 15 * 60000;
const LOOK_MS = 20000;
const FIRST_MS = 1500; // the page itself comes first
const KEPT = 200;
const channel = "BroadcastChannel" in window ? new BroadcastChannel("rappels") : null;
const waiting = new Map();

function read(store, key, otherwise) {
  try {
    return JSON.parse(store.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(store, key, value) {
  try {
    store.setItem(key, JSON.stringify(value));
  } catch {
    // No storage: asked for, and told, on each page.
  }
}

async function list() {
  const kept = read(sessionStorage, LIST, null);
  if (kept && Date.now() - kept.asked < ASK_MS && Date.now() >= kept.asked) return kept;
  const answer = await fetch("/agenda/rappels", { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return kept;
  const { now, reminders } = await answer.json();
  const found = { asked: Date.now(), ahead: now * 1000 - Date.now(), reminders };
  write(sessionStorage, LIST, found);
  return found;
}

async function look() {
  const { ahead = 0, reminders = [] } = (await list()) ?? {};
  const fired = read(localStorage, FIRED, []);
  const due = reminders.filter((one) => one.at * 1000 <= Date.now() + ahead && !fired.includes(one.id));
  if (!due.length) return;
  write(localStorage, FIRED, [...fired, ...due.map((one) => one.id)].slice(-KEPT));
  for (const one of due) {
    channel?.postMessage({ show: one });
    take(one);
    if (!one.quiet) device(one);
  }
}

function device({ id, title, text, href }) {
  if (!("bureau" in texts) || document.hasFocus() || !("Notification" in window) || Notification.permission !== "granted") return;
  const shown = new Notification(title, { body: text, tag: `rappel-${id}`, lang: document.documentElement.lang, silent: !("son" in texts) });
  shown.addEventListener("click", () => {
    shown.close();
    focus();
    open(href, "_blank", "noopener");
  });
}

// What is due waits until this tab is looked at, and goes everywhere once it is closed somewhere.
function take(one) {
  waiting.set(one.id, one);
  show();
}

function show() {
  if (document.visibilityState !== "visible") return;
  for (const one of waiting.values()) {
    if (document.querySelector(`[data-rappel="${CSS.escape(one.id)}"]`)) continue;
    say(toast(one));
  }
}

function toast({ id, title, text, href }) {
  const words = document.createElement("span");
  const name = document.createElement("b");
  name.textContent = title;
  words.append(`${texts.rappel} `, name, document.createElement("br"), text);
  const link = document.createElement("a");
  link.className = "bouton teinte";
  link.href = href;
  link.textContent = texts.ouvrir;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "nu";
  close.textContent = texts.fermer;
  const box = document.createElement("span");
  box.className = "rappel";
  box.dataset.rappel = id;
  box.append(words, link, close);
  const done = () => {
    channel?.postMessage({ hide: id });
    hide(id);
  };
  close.addEventListener("click", done);
  link.addEventListener("click", done);
  return box;
}

function hide(id) {
  waiting.delete(id);
  document.querySelector(`[data-rappel="${CSS.escape(id)}"]`)?.remove();
}

function watch() {
  const first = setTimeout(look, FIRST_MS);
  const timer = setInterval(look, LOOK_MS);
  return new Promise((done) => addEventListener("pagehide", () => {
    clearTimeout(first);
    clearInterval(timer);
    done();
  }, { once: true }));
}

if (texts.rappel && navigator.locks) {
  channel?.addEventListener("message", ({ data }) => (data.show ? take(data.show) : hide(data.hide)));
  document.addEventListener("visibilitychange", show);
  const begin = () => navigator.locks.request("rappels", watch);
  addEventListener("pageshow", (event) => event.persisted && begin());
  // What was just changed here may ring soon.
  if (location.pathname.startsWith("/agenda") && new URLSearchParams(location.search).has("agenda")) {
    try {
      sessionStorage.removeItem(LIST);
    } catch {
      // No storage, no list.
    }
  }
  begin();
}
