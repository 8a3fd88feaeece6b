// Where the list is on the page, and how it is replaced by what the server answers, without losing the focus.

import { items, prepare } from "./choosing.js";

const { htmx } = window;

export const list = () => document.getElementById("liste");
export const form = () => document.getElementById("choix");
export const reader = () => document.getElementById("lecteur");

// A reader that the layout and the width of the window show.
export function hasPane() {
  return Boolean(reader()?.getClientRects().length);
}

// Give a fresh list what only scripts can do.
export function dress() {
  prepare();
  for (const button of document.querySelectorAll(".barre :is(button, summary), .outils-liste .bouton")) {
    button.title = button.textContent.trim();
  }
}

export function announce() {
  document.dispatchEvent(new CustomEvent("annonce"));
}

function remember() {
  const all = items();
  const focused = all.findIndex((item) => item.contains(document.activeElement));
  const chosen = all.findIndex((item) => item.querySelector("input").checked);
  const place = focused >= 0 && !all[focused].querySelector("input").checked ? focused : Math.max(chosen, focused);
  return { id: all[place]?.querySelector("a").id, place, top: list().scrollTop };
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

// Fetch a list and put it in place of this one.
export async function load(method, address, { event, source, keep = true } = {}) {
  const before = remember();
  const busy = list();
  busy.setAttribute("aria-busy", "true");
  const open = document.querySelector(".courriels a[aria-current]")?.id;
  await htmx.ajax(method, address, { target: "#liste", swap: "outerHTML", source, event });
  busy.removeAttribute("aria-busy");
  if (busy.isConnected) return false;
  dress();
  announce();
  if (open) document.getElementById(open)?.setAttribute("aria-current", "true");
  if (open && !document.getElementById(open)) reader()?.replaceChildren();
  if (keep) restore(before);
  return true;
}
