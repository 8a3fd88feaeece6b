// The row in hand: one bar with what is done most often is placed on it, and a right click opens the menu of the bar.

import { show } from "../core/showing.js";
import { choose, chosen, clear } from "./choosing.js";

const bar = () => document.getElementById("gestes");
const row = (event) => event.target.closest?.(".courriels > li");

function take(item) {
  if (bar() && bar().parentElement !== item) item.append(bar());
}

// Do something to one row, whatever is chosen.
export function alone(item, value) {
  const form = document.getElementById("une-ligne");
  const button = form && [...form.elements].find((one) => one.name === "faire" && one.value === value);
  if (!button) return false;
  fill(form, item);
  form.requestSubmit(button);
  return true;
}

function fill(form, item) {
  form.querySelector("[data-ligne]")?.remove();
  const box = item.querySelector("input");
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name: box.name, value: box.value });
  field.dataset.ligne = "";
  form.append(field);
}

document.addEventListener("pointerover", (event) => {
  if (event.pointerType !== "touch" && row(event)) take(row(event));
});
document.addEventListener("focusin", (event) => {
  if (row(event)) take(row(event));
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#gestes button");
  if (!button) return;
  const item = button.closest("li");
  if (button.form) fill(button.form, item);
  else only(item); // it opens a menu of the bar
}, true);

// ------------------------------------------------------------------ the menu at the pointer

let borrowed = null;

function only(item) {
  if (item.querySelector("input").checked) return;
  clear();
  choose(item);
  borrowed = item;
}

document.addEventListener("contextmenu", (event) => {
  const item = row(event);
  const menu = document.getElementById("menu-plus");
  if (!item || !menu || event.shiftKey || event.pointerType === "touch" || !getSelection().isCollapsed) return;
  event.preventDefault();
  only(item);
  if (menu.matches(":popover-open")) menu.hidePopover();
  // The keyboard's menu key has no place of its own.
  const { left, bottom } = item.getBoundingClientRect();
  const keyed = !event.clientX && !event.clientY;
  show(menu, keyed ? { x: left + 40, y: bottom } : { x: event.clientX, y: event.clientY });
  if (keyed) menu.querySelector("li > button")?.focus();
});

// A row that was chosen for its menu alone is given back when the menu closes and nothing was done.
document.addEventListener("toggle", (event) => {
  if (!borrowed || event.newState !== "closed" || !event.target.closest?.("#choix")) return;
  setTimeout(() => {
    if (!borrowed || document.querySelector("#choix [popover]:popover-open")) return;
    const item = borrowed;
    borrowed = null;
    const busy = item.closest("[aria-busy]");
    if (item.isConnected && !busy && chosen().length === 1 && chosen()[0] === item) clear();
  });
}, true);
