// Letters in panels over the page, several at once, each with a form of its own (compose.js). Panels stand outside of what
// is replaced on the page; a page that follows opens them again, from the drafts that this tab remembers.

import { away } from "./core/away.js";
import { dressed } from "./core/sheets.js";
import { awaited, berth, isDocked } from "./panels/berth.js";
import { PARTIAL, parsed, rename } from "./panels/fragment.js";
import { keepFirst } from "./panels/leaving.js";
import { regret, say, tell } from "./panels/said.js";
import { fit, focusOut, grow, shrink, toggle, walk } from "./panels/places.js";

const place = document.getElementById("panneaux");
const KEY = "panneaux";
const MOST = 3;
const LETTER = /^\/m\/ecrire\/\d+$/;
const panels = [];
const floating = () => panels.filter((one) => !isDocked(one));
const asked = new Set();
let count = 0;
let restoring = false;

// ------------------------------------------------------------------ opened

// Open the letter of an address. `quiet`: it was open on the page before, and takes no focus. `home`: the letter that is
// read, which it answers. True: nothing answered.
export async function open(address, { opener = null, quiet = false, state = "", origin = address, home = null } = {}) {
  const draft = new URL(address, location.href).pathname.split("/")[3];
  const already = panels.find((one) => (draft ? one.drafts.has(draft) : address.includes("?") && one.origin === address));
  if (already) {
    toggle(already, false);
    fit(floating(), already);
    keep();
    return false;
  }
  if (asked.has(address)) return false;
  asked.add(address);
  let response = null;
  try {
    response = await get(address);
    const page = response.ok && (await parsed(response));
    if (page && page.querySelector(".panneau-barre")) await put(page, { opener, quiet, state, origin, home: home ?? berth(address) });
    else if (!quiet) away(() => location.assign(address));
  } catch {
    // The server was reached, but not what panels are made of: the page says more.
    if (response && !quiet) away(() => location.assign(address));
    else if (!quiet) regret("reseau");
    return !response;
  } finally {
    asked.delete(address);
  }
  return false;
}

// A session that has ended is renewed over the letters that are open, or else on the page itself.
async function get(address) {
  const response = await fetch(address, { headers: PARTIAL });
  const post = panels.find((one) => one.desk)?.desk.post;
  if (response.status !== 401 || !post) return response;
  await post.ask();
  return fetch(address, { headers: PARTIAL });
}

async function put(page, { opener, quiet, state, origin, home = null }) {
  const { forme, styles, quai, quaiStyle } = place.dataset;
  const [{ begin }, below] = await Promise.all([
    import(forme),
    home && import(quai),
    dressed(styles),
    home && dressed(quaiStyle),
  ]);
  below?.follow(panels, place, close, afloat);
  const docked = home && panels.find(isDocked);
  if (docked && !(await close(docked))) return;
  if (panels.length >= MOST && !(await close(panels[0]))) return;
  count += 1;
  const section = document.createElement("section");
  const panel = { section, suffix: `-p${count}`, begin, opener, origin, desk: null, key: "", draft: "", drafts: new Set(), last: null };
  section.className = "panneau";
  section.setAttribute("role", "dialog");
  section.setAttribute("aria-labelledby", `panneau-titre${panel.suffix}`);
  panel.host = hosting(panel);
  place.append(section);
  panels.push(panel);
  listen(panel);
  fill(panel, page, quiet);
  if (home?.isConnected) below.dock(panel, home);
  if (!quiet && !section.contains(document.activeElement)) focusIn(panel);
  if (state === "grand") grow(panel, true);
  else if (state === "reduit") shrink(panel, true);
  fit(floating(), panel);
  keep();
}

function focusIn(panel) {
  (panel.section.querySelector("textarea[autofocus]") ?? panel.title).focus();
}

// Put what the server answered into a panel: the form, or a page about it.
function fill(panel, page, quiet = false) {
  const { section, suffix } = panel;
  tell(page);
  page.querySelector("#annonce")?.remove();
  if (quiet) for (const one of page.querySelectorAll("[autofocus]")) one.removeAttribute("autofocus");
  rename(page.body, suffix);
  const bar = page.querySelector(".panneau-barre");
  const dialogs = page.querySelectorAll("dialog");
  const body = document.createElement("div");
  Object.assign(body, { id: `panneau-corps${suffix}`, className: "panneau-corps" });
  if (bar && panel.bar) bar.remove();
  else if (bar) panel.bar = bar;
  panel.bar.remove();
  for (const one of dialogs) one.remove();
  body.append(...page.body.childNodes);
  panel.desk?.end();
  panel.desk = null;
  section.replaceChildren(...section.querySelectorAll(":scope > .poignee-quai"), panel.bar, body, ...dialogs);
  panel.title = section.querySelector(".panneau-titre");
  const form = body.querySelector("form[data-base]");
  if (!form) return;
  panel.desk = panel.begin(form, panel.host);
  note(panel);
  name(panel);
  form.addEventListener("input", () => name(panel));
}

function name(panel) {
  panel.title.textContent = panel.desk.field("objet").value.trim() || panel.title.dataset.sans;
}

function note(panel) {
  panel.key = panel.desk.field("cle").value;
  panel.draft = panel.desk.field("brouillon").value;
  if (panel.draft) panel.drafts.add(panel.draft);
  panel.bar.querySelector("[data-geste=fenetre]").href = addressOf(panel);
}

function addressOf({ draft, origin }) {
  return draft ? `/m/ecrire/${draft}` : origin;
}

// ------------------------------------------------------------------ what becomes of a letter here (see compose.js)

function hosting(panel) {
  return {
    root: panel.section,
    suffix: panel.suffix,
    headers: PARTIAL,
    memory: (desk) => desk.field("cle").value,
    kept() {
      note(panel);
      keep();
    },
    show: (address) => turn(panel, address),
    warn: (box) => panel.bar.after(box),
    busy: (on) => occupied(panel, on),
    reveal: () => reveal(panel),
    async go(response) {
      const page = await parsed(response);
      if (new URL(response.url).pathname.startsWith("/m/ecrire/")) return shown(panel, page);
      remove(panel);
      tell(page);
    },
    put(page) {
      fill(panel, page);
      reveal(panel);
      panel.section.querySelector(`[id="faute${panel.suffix}"], [id="precisions${panel.suffix}"]`)?.focus();
      keep();
    },
  };
}

// What was folded away opens, and has the focus.
function reveal(panel) {
  if (panel.section.dataset.etat !== "reduit") return;
  toggle(panel, false);
  fit(floating(), panel);
  keep();
}

// Another page in the panel; the focus stays where it was, or goes to the page's beginning.
function shown(panel, page) {
  const before = document.activeElement?.id;
  fill(panel, page);
  const again = before && document.getElementById(before);
  const heading = panel.section.querySelector(".panneau-corps h1");
  if (heading) heading.tabIndex = -1;
  (again || heading || panel.title).focus();
  keep();
}

async function turn(panel, address, options = {}) {
  try {
    const response = await fetch(address, { headers: PARTIAL, ...options });
    if (response.ok && new URL(response.url).pathname.startsWith("/m/ecrire/")) shown(panel, await parsed(response));
    else regret(response.status === 404 ? "parti" : "panne");
  } catch {
    regret("reseau");
  }
}

// ------------------------------------------------------------------ closed

function remove(panel) {
  if (!panels.includes(panel)) return;
  // A button that was pressed and is not to be pressed twice has lost the focus.
  const inside = document.activeElement === document.body || panel.section.contains(document.activeElement);
  panel.desk?.end();
  panels.splice(panels.indexOf(panel), 1);
  panel.section.remove();
  if (inside) focusOut(panel);
  fit(floating());
  keep();
  document.dispatchEvent(new CustomEvent("brouillons"));
}

// A letter that is being sent stays until it has left: what is answered may be a question, or a fault.
const isSent = ({ desk }) => Boolean(desk?.saving.sending);

// What would part with it meanwhile says why it does nothing.
function occupied({ bar }, on) {
  for (const one of bar.querySelectorAll("[data-geste=fenetre], [data-geste=fermer]")) {
    one.setAttribute("aria-disabled", String(on));
    one.title = on ? bar.dataset.envoi : one.textContent.trim();
  }
}

// The draft is kept, and that is said; a letter that nobody touched leaves none. False: it could not be kept, or is being sent.
async function close(panel) {
  if (isSent(panel)) return false;
  if (panel.desk?.saving.isDirty() && !(await panel.desk.saving.save())) {
    toggle(panel, false);
    return false;
  }
  if (isSent(panel)) return false;
  if (!panels.includes(panel)) return true;
  remove(panel);
  if (panel.draft) say(place.dataset.garde);
  return true;
}

async function detach(panel) {
  if (isSent(panel) || (panel.desk?.saving.isDirty() && !(await panel.desk.saving.save())) || isSent(panel)) return;
  window.open(addressOf(panel), "_blank", "popup,noopener,width=960,height=800");
  remove(panel);
}

// It had to leave its dock.
function afloat(panel) {
  fit(floating(), panel);
  keep();
}

// ------------------------------------------------------------------ remembered by this tab

function keep() {
  if (restoring) return;
  const lettres = panels.map((one) => ({
    key: one.key,
    draft: one.draft,
    origin: one.origin,
    state: one.section.dataset.etat ?? "",
    letter: isDocked(one) ? one.letter : "",
  }));
  try {
    if (lettres.length) sessionStorage.setItem(KEY, JSON.stringify({ qui: place.dataset.qui, lettres }));
    else sessionStorage.removeItem(KEY);
  } catch {
    // No storage: they are in the drafts.
  }
}

export async function restore() {
  let found = null;
  try {
    found = JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    // Not ours.
  }
  if (found?.qui !== place.dataset.qui || restoring) return;
  restoring = true;
  let waiting = false;
  const lettres = found.lettres.slice(0, MOST);
  for (const one of lettres.filter(({ letter }) => !letter)) if (await again(one)) waiting = true;
  restoring = false;
  // What could not be had for want of a network is opened when there is one: the tab goes on remembering it.
  if (waiting) document.addEventListener("reseau-revenu", restore, { once: true });
  else keep();
  for (const one of lettres.filter(({ letter }) => letter)) {
    const home = await awaited(one.letter);
    if (home) await again(one, home);
    else if (one.draft) say(place.dataset.garde);
  }
}

function again({ key, draft, origin, state }, home = null) {
  const address = new URL(addressOf({ draft, origin }), location.href);
  address.searchParams.set("cle", key);
  return open(address.href, { quiet: true, state: home ? "" : state, origin, home });
}

// ------------------------------------------------------------------ what people do

const GESTURES = {
  reduire: (panel) => toggle(panel),
  agrandir: (panel) => grow(panel),
  fenetre: detach,
  fermer: close,
};

function listen(panel) {
  const { section } = panel;
  section.addEventListener("click", (event) => {
    const gesture = event.target.closest("[data-geste]");
    if (gesture && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      Promise.resolve(GESTURES[gesture.dataset.geste](panel)).then(() => {
        fit(floating(), panel);
        keep();
      });
      return;
    }
    if (event.target.closest(".panneau-barre") && section.dataset.etat === "reduit") {
      toggle(panel, false);
      fit(floating(), panel);
      keep();
    }
    const link = event.target.closest("a[href^='/m/ecrire/']");
    if (!link || !LETTER.test(link.pathname) || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    turn(panel, link.href);
  });
  // Pages about the letter, such as attachments of other messages: they stay in the panel.
  section.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method === "dialog") return;
    event.preventDefault();
    const { method, action } = event.target;
    const fields = new FormData(event.target, event.submitter);
    if (method === "get") turn(panel, `${action}?${new URLSearchParams(fields)}`);
    else turn(panel, action, { method: "POST", body: fields });
  });
  section.addEventListener("focusin", (event) => {
    if (!panel.bar.contains(event.target)) panel.last = event.target;
  });
  section.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || section.querySelector("dialog[open], :popover-open")) return;
    event.preventDefault();
    if (isDocked(panel)) {
      document.getElementById("sujet")?.focus({ preventScroll: true });
      return;
    }
    shrink(panel, true);
    focusOut(panel);
    keep();
  });
}

// A departure that was announced here is called back into a panel.
document.addEventListener("submit", async (event) => {
  if (!event.target.closest?.("#dit [data-envoi]")) return;
  event.preventDefault();
  const body = new FormData(event.target, event.submitter);
  try {
    const response = await fetch(event.target.action, { method: "POST", headers: PARTIAL, body });
    if (!response.ok) return void regret();
    const page = await parsed(response);
    event.target.closest("[data-envoi]").remove();
    const { pathname } = new URL(response.url);
    if (LETTER.test(pathname)) await put(page, { quiet: false, state: "", opener: null, origin: pathname });
    else tell(page);
  } catch {
    regret("reseau");
  }
});

walk(panels);
keepFirst(() => panels.filter((one) => one.desk?.saving.isDirty()).map((one) => one.desk.saving));
addEventListener("resize", () => fit(floating()));
