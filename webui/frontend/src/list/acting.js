// The forms that act on messages, in the list and in the reader: the list is replaced by what comes of it.

import { show } from "../core/showing.js";
import { choose, chosen, clear, items } from "./choosing.js";
import { fill } from "./pane.js";
import { form, list, load } from "./place.js";

// Do what a button of the bar or its menus does to what is chosen, or else to the item that has the focus.
export function act(name) {
  const button = [...(form()?.elements ?? [])].find((one) => one.name === "faire" && one.value === name);
  if (!button || !pick()) return false;
  form().requestSubmit(button);
}

// Open one of the bar's menus.
export function open(id) {
  const menu = document.getElementById(id);
  if (!menu || !pick()) return false;
  show(menu, { source: document.querySelector(`.barre [popovertarget="${id}"], .barre [popovertarget="menu-plus"]`) });
  menu.querySelector(".filtre:not([hidden]) input, li > button")?.focus();
}

function pick() {
  if (chosen().length) return true;
  const current = document.activeElement.closest?.(".courriels > li") ?? document.querySelector(".courriels a[aria-current]")?.parentElement;
  if (current && items().includes(current)) choose(current);
  return Boolean(current);
}

const WITHIN = /^\/m\/(message|partage\/\d+)\/\d+\/(invitation|accuse|images|desabonner|rediriger|hameconnage)$/;

// What is answered to the message itself: it comes back in the pane, and says what was done.
async function within(event, sent) {
  const moves = sent.action.includes("/hameconnage");
  const done = await fill("POST", sent.action, { event, source: sent, focus: true });
  if (done && moves) load("GET", list().dataset.adresse);
}

// After what is done below a message, this list comes back.
function back(sent) {
  const place = sent.querySelector("[name=retour]");
  if (place) place.value = new URL(list().dataset.adresse, location.href).search.slice(1) || "page=1";
}

document.addEventListener("submit", (event) => {
  const sent = event.target;
  const inList = sent === form() || sent.closest?.("#liste, .dit");
  if (sent.closest?.("#lecteur") && WITHIN.test(new URL(sent.action, location.href).pathname)) {
    event.preventDefault();
    within(event, sent);
    return;
  }
  const inReader = sent.closest?.("#lecteur") && sent.matches(".agir, [action$='/agir']");
  if (!list() || event.submitter?.hasAttribute("data-direct") || !(inList || inReader)) return;
  const what = event.submitter?.value;
  if (inReader) back(sent);
  if (inReader && what === "effacer") return; // a page asks first, then leads back to this list
  event.preventDefault();
  if (inReader && ["suivre", "plussuivre"].includes(what)) {
    fill("POST", sent.action, { event, source: sent });
    return;
  }
  const action = event.submitter?.getAttribute("formaction") ?? sent.action;
  load("POST", action, { event, source: sent });
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
