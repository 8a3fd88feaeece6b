// The forms that act on messages, in the list and in the reader: the list is replaced by what comes of it.

import { show } from "../core/showing.js";
import { choose, chosen, clear, items } from "./choosing.js";
import { close, fill, read } from "./pane.js";
import { during, form, list, load, reader } from "./place.js";

// Do what a button of the bar or its menus does to what is chosen, or else to the item that has the focus.
export function act(name) {
  const button = [...(form()?.elements ?? [])].find((one) => one.name === "faire" && one.value === name);
  if (!button || !pick(false)) return false;
  form().requestSubmit(button);
}

// Open one of the bar's menus.
export function open(id) {
  const menu = document.getElementById(id);
  if (!menu || !pick()) return false;
  show(menu, { source: document.querySelector(`.barre [popovertarget="${id}"], .barre [popovertarget="menu-plus"]`) });
  menu.querySelector(".filtre:not([hidden]) input, li > button")?.focus();
}

function pick(said = true) {
  if (chosen().length) return true;
  const current = document.activeElement.closest?.(".courriels > li") ?? document.querySelector(".courriels a[aria-current]")?.parentElement;
  if (current && items().includes(current)) choose(current, true, said);
  return Boolean(current);
}

const WITHIN = /^\/m\/(message|partage\/\d+)\/\d+\/(invitation|accuse|images|desabonner|rediriger|rappeler|hameconnage)$/;

// What a button does; entries of menus name a field (webui/mail/actions.py).
const NAMED = { ranger: "deplacer", poser: "etiqueter", retirer: "desetiqueter", revient: "reporter" };
const doing = (button) => NAMED[button?.name] ?? button?.value;
const LEAVING = ["archiver", "supprimer", "indesirable", "desirable", "deplacer", "reporter", "masquer"];
const STAYING = ["suivre", "plussuivre", "etiqueter", "desetiqueter"];

const current = () => document.querySelector(".courriels a[aria-current]");

// Where the list goes on once what is acted upon has left it: the item after it or before it, as the person has chosen.
function following() {
  const all = items();
  const open = current()?.closest("li");
  const gone = new Set(chosen());
  gone.add(open);
  const at = all.indexOf(open);
  const by = reader()?.dataset.apres === "precedent" ? -1 : 1;
  for (let place = at + by; all[place]; place += by) if (!gone.has(all[place])) return { id: all[place].querySelector("a").id, at };
  return { id: "", at: by > 0 ? at - all.slice(0, at).filter((item) => gone.has(item)).length : -1 };
}

// What is done takes the open letter away, and the next one is opened; what was open comes back with it when it is undone.
let swept = "";

function sweep(event, sent, action, inReader) {
  const focus = inReader || reader().contains(document.activeElement);
  return leave(focus, () => load("POST", action, { event, source: sent, keep: !focus, sweep: true }));
}

// `taken`: does it, and shows the list that is left; false where it failed.
async function leave(focus, taken) {
  const open = current().id;
  const next = following();
  if (!(await taken()) || document.getElementById(open)) return;
  swept = open;
  const link = (next.id && document.getElementById(next.id)) || items()[next.at]?.querySelector("a");
  if (!link || reader().dataset.apres === "liste") {
    await close();
    if (focus) (link ?? document.querySelector(".courriels a, #titre"))?.focus();
    return;
  }
  if (!focus) link.focus({ preventScroll: true });
  await read(link, { focus });
}

async function undo(event, sent) {
  const within = reader()?.contains(document.activeElement);
  if (!(await load("POST", sent.action, { event, source: sent, keep: !within }))) return;
  const link = swept && document.getElementById(swept);
  swept = "";
  if (link && reader()?.getClientRects().length) await read(link, { focus: within });
}

// What is answered to the message itself: it comes back in the pane, and says what was done. One that is reported leaves.
async function within(event, sent, action) {
  const done = () => fill("POST", action, { event, source: sent, focus: true });
  const anew = (how) => load("GET", list().dataset.adresse, how);
  if (!action.includes("/hameconnage")) await done();
  else if (current()) await leave(true, async () => (await done()) && anew({ keep: false, sweep: true }));
  else if (await done()) await anew();
}

// After what is done below a message, this list comes back.
function back(sent) {
  const place = sent.querySelector("[name=retour]");
  const { pathname, search } = new URL(list().dataset.adresse, location.href);
  if (place) place.value = pathname.endsWith("/recherche") ? `recherche${search}` : search.slice(1) || "page=1";
}

// The letter stays open, and the list shows what has changed about it.
async function stay(event, sent) {
  if (await fill("POST", sent.action, { event, source: sent, focus: true, same: true })) await load("GET", list().dataset.adresse, { keep: false });
}

document.addEventListener("submit", (event) => {
  const sent = event.target;
  const inList = sent === form() || sent.closest?.("#liste, .dit");
  const action = event.submitter?.getAttribute("formaction") ?? sent.getAttribute("action");
  if (sent.closest?.("#lecteur") && WITHIN.test(new URL(action, location.href).pathname)) {
    event.preventDefault();
    during(within(event, sent, action));
    return;
  }
  const inReader = sent.closest?.("#lecteur") && sent.matches("[action$='/agir']");
  if (!list() || event.submitter?.hasAttribute("data-direct") || !(inList || inReader)) return;
  const what = doing(event.submitter);
  if (inReader && STAYING.includes(what)) {
    event.preventDefault();
    during(stay(event, sent));
    return;
  }
  if (inReader) back(sent);
  if (inReader && what === "effacer") return; // a page asks first, then leads back to this list
  event.preventDefault();
  const open = current()?.closest("li");
  if (action.endsWith("/annuler")) during(undo(event, sent));
  else if (LEAVING.includes(what) && open && reader()?.getClientRects().length && (inReader || chosen().includes(open))) {
    during(sweep(event, sent, action, inReader));
  } else during(load("POST", action, { event, source: sent }));
});

// A menu opened from a row is about that row, and what is no longer wanted is not chosen.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("#rien-choisir, #tout-cocher");
  if (!link || !list()) return;
  event.preventDefault();
  if (link.id === "tout-cocher") {
    link.closest("[popover]").hidePopover();
    document.querySelector("#cocher input")?.click();
  } else {
    clear();
    document.querySelector(".courriels a")?.focus({ preventScroll: true });
  }
});
