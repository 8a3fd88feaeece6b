// Menus are popovers that open without a script; this adds the arrow keys, fields that filter long ones, and a place beside
// the button where the browser has no anchors.

import { put } from "./showing.js";

const GAP = 4;
const anchored = CSS.supports("position-area: bottom");
const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const entries = (menu) => [...menu.querySelectorAll("li > :is(a, button)")].filter((one) => one.getClientRects().length);

function beside(menu) {
  const button = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]:hover, [popovertarget="${CSS.escape(menu.id)}"]`);
  if (!button?.getClientRects().length) return;
  const { left, right, bottom } = button.getBoundingClientRect();
  put(menu, menu.classList.contains("droite") ? right - menu.offsetWidth : left, bottom + GAP);
}

// ------------------------------------------------------------------ the field that filters

function filter(menu) {
  const wanted = folded(menu.querySelector(".filtre input").value.trim());
  let any = false;
  for (const item of menu.querySelectorAll("li")) {
    item.hidden = Boolean(wanted) && !folded(item.textContent).includes(wanted);
    any ||= !item.hidden;
  }
  for (const title of menu.querySelectorAll("h3, .recents")) title.hidden = Boolean(wanted);
  menu.querySelector(".rien").hidden = any;
  aim(menu);
}

// Enter takes the first entry that is left; which one that is can be seen.
function aim(menu) {
  menu.querySelector(".visee")?.classList.remove("visee");
  if (menu.querySelector(".filtre input").value.trim()) entries(menu)[0]?.classList.add("visee");
}

function opened(menu) {
  const field = menu.querySelector(".filtre");
  if (!field) return;
  field.hidden = false;
  field.querySelector("input").value = "";
  filter(menu);
  if (matchMedia("(pointer: fine)").matches) field.querySelector("input").focus();
}

// `toggle` does not bubble.
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.(".ancre[popover]")) return;
  if (event.newState === "open") {
    opened(menu);
    if (!anchored && !menu.classList.contains("pose")) beside(menu);
  } else {
    menu.classList.remove("pose");
    menu.style.removeProperty("left");
    menu.style.removeProperty("top");
  }
}, true);
document.addEventListener("input", (event) => {
  const menu = event.target.matches?.(".filtre input") && event.target.closest("[popover]");
  if (menu) filter(menu);
});
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".ancre[popover]") ?? open(event.target.closest?.("[popovertarget]"));
  if (!menu) return;
  if (event.key === "Enter" && event.target.matches(".filtre input")) {
    event.preventDefault();
    menu.querySelector(".visee")?.click();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    step(menu, event.key === "ArrowDown" ? 1 : -1);
  }
});

// The menu of a button, when it is open.
function open(button) {
  const menu = button && document.getElementById(button.getAttribute("popovertarget"));
  return menu?.matches(":popover-open") ? menu : null;
}

function step(menu, by) {
  const all = entries(menu);
  const at = all.indexOf(document.activeElement);
  const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length;
  all[to]?.focus();
}
