// Where the list is on the page, and how it is replaced by what the server answers, without losing the focus.

import { exchange } from "../core/exchange.js";
import { items, prepare } from "./choosing.js";

export const list = () => document.getElementById("liste");
// Results of a search have a form for each folder: the one of what is chosen, or in hand.
export const form = () => document.getElementById("choix")
  ?? document.querySelector(".groupe:has(:checked), .groupe:has(a:focus), .groupe:has(a[aria-current])");
export const reader = () => document.getElementById("lecteur");

// A reader that the layout and the width of the window show.
export function hasPane() {
  return Boolean(reader()?.getClientRects().length);
}

// Keys come faster than answers: what is pressed meanwhile is done after it, in its order.
const waiting = [];
let busy = 0;

export async function during(work) {
  busy += 1;
  try {
    return await work;
  } finally {
    busy -= 1;
    while (!busy && waiting.length) waiting.shift()();
  }
}

export function whenFree(act) {
  if (!busy) return act();
  waiting.push(act);
}

// Give a fresh list what only scripts can do.
export const dress = prepare;

export function announce() {
  document.dispatchEvent(new CustomEvent("annonce"));
}

function remember() {
  const all = items();
  const focused = all.findIndex((item) => item.contains(document.activeElement));
  const chosen = all.findIndex((item) => item.querySelector("input").checked);
  const place = focused >= 0 && !all[focused].querySelector("input").checked ? focused : Math.max(chosen, focused);
  return {
    id: all[place]?.querySelector("a").id,
    place,
    top: list().scrollTop,
    ticked: all.filter((item) => item.querySelector("input").checked).map((item) => item.querySelector("a").id),
    within: list().contains(document.activeElement) || document.activeElement === document.body,
  };
}

function restore({ id, place, top }) {
  const all = items();
  list().scrollTop = top;
  const link = (id && document.getElementById(id)) || all[Math.min(Math.max(place, 0), all.length - 1)]?.querySelector("a");
  const target = link ?? document.getElementById("titre");
  if (!link) target.tabIndex = -1;
  target.focus({ preventScroll: Boolean(link) });
  link?.scrollIntoView({ block: "nearest" });
}

// What is the same list anew keeps what is chosen, and the focus where it was, if it was in the list.
function resume({ id, top, ticked, within }) {
  for (const item of items()) item.querySelector("input").checked = ticked.includes(item.querySelector("a").id);
  list().scrollTop = top;
  const link = id && document.getElementById(id);
  if (within && link && document.activeElement === document.body) link.focus({ preventScroll: true });
}

// The letter that is open, by its link's id. Not read from the list: another may have come in its place meanwhile.
let open = "";

// This letter is the open one; none: no letter is.
export function mark(link) {
  for (const each of document.querySelectorAll(".courriels a[aria-current]")) each.removeAttribute("aria-current");
  link?.setAttribute("aria-current", "true");
  open = link?.id ?? "";
}

// Fetch a list and put it in place of this one; `keep`: the focus goes where it was or next to it; `same`: nothing was
// done, and nothing moves but what came; `sweep`: whoever asks shows another letter where the open one has gone.
export async function load(method, address, { event, source, keep = true, same = false, sweep = false } = {}) {
  let before = remember();
  const busy = list();
  busy.setAttribute("aria-busy", "true");
  // What was chosen while the same list was fetched stays chosen.
  const swapping = same ? () => { before = remember(); } : undefined;
  const came = await exchange(method, address, "#liste", { whole: true, source, event, swapping });
  busy.removeAttribute("aria-busy");
  if (busy.isConnected || (same && !came)) return false; // another answer is there already: what is chosen is of that one
  if (same) resume(before);
  dress();
  announce();
  if (open) {
    mark(document.getElementById(open));
    if (!open && !sweep) document.dispatchEvent(new CustomEvent("partie"));
  }
  if (keep && !same) restore(before);
  return true;
}
