// Where panels are: side by side at the lower right as far as they fit, the others as their title bars; one at a time large.

// In the page's own measure (panels.css): of an open panel with its gap, and of the rail beside all.
const WIDTH = 38.75;
const RAIL = 5.75;
const narrow = matchMedia("(max-width: 59.99rem)");
let clock = 0;

function set(panel, state) {
  const { section, bar } = panel;
  if (state) section.dataset.etat = state;
  else delete section.dataset.etat;
  const folded = bar.querySelector("[data-geste=reduire]");
  folded.setAttribute("aria-expanded", String(state !== "reduit"));
  label(folded, state === "reduit");
  label(bar.querySelector("[data-geste=agrandir]"), state === "grand");
}

function label(button, other) {
  const text = other ? button.dataset.autre : button.dataset.nom;
  button.title = text;
  button.querySelector("span").textContent = text;
}

export function shrink(panel, on) {
  set(panel, on ? "reduit" : "");
}

// Fold to the title bar, or unfold; opened again, it has the focus.
export function toggle(panel, folded = panel.section.dataset.etat !== "reduit") {
  shrink(panel, folded);
  if (folded) return;
  panel.used = ++clock;
  enter(panel);
}

export function grow(panel, on = panel.section.dataset.etat !== "grand") {
  set(panel, on ? "grand" : "");
  panel.used = ++clock;
}

// The panel that is used last has room, then those before it.
export function fit(panels, latest = null) {
  if (latest && latest.section.dataset.etat !== "reduit") latest.used = ++clock;
  const open = panels.filter((one) => one.section.dataset.etat !== "reduit").sort((a, b) => b.used - a.used);
  const large = open.some((one) => one.section.dataset.etat === "grand");
  const wide = innerWidth / parseFloat(getComputedStyle(document.documentElement).fontSize);
  const room = large || narrow.matches ? 1 : Math.max(1, Math.floor((wide - RAIL) / WIDTH));
  for (const one of open.slice(room)) shrink(one, true);
}

// ------------------------------------------------------------------ the focus

function enter(panel) {
  const { section, last, title } = panel;
  if (section.dataset.etat === "reduit") panel.bar.querySelector("[data-geste=reduire]").focus();
  else if (last?.isConnected && last.getClientRects().length) last.focus();
  else title.focus();
}

// Back to what opened the panel, or to the list.
export function focusOut({ opener }) {
  if (opener?.isConnected && opener.getClientRects().length && opener !== document.body) opener.focus();
  else toList();
}

function toList() {
  const target = document.querySelector(".courriels a[aria-current], .courriels a") ?? document.getElementById("contenu");
  if (target.matches("main")) target.tabIndex = -1;
  target.focus();
}

// F6 goes from the list to each panel and back, Shift+F6 the other way.
export function walk(panels) {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "F6" || event.ctrlKey || event.altKey || event.metaKey || !panels.length) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    const at = panels.findIndex((one) => one.section.contains(document.activeElement)) + 1;
    const stops = panels.length + 1;
    const to = (at + (event.shiftKey ? stops - 1 : 1)) % stops;
    if (to) enter(panels[to - 1]);
    else toList();
  });
}
