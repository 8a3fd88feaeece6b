// The keys of the list: they press the buttons of its bar.

import { act, open } from "./acting.js";
import { choose, clear, items } from "./choosing.js";
import { bind } from "../core/bind.js";
import { step as read } from "./pane.js";
import { during, list, load, reader, whenFree } from "./place.js";

function current() {
  return items().findIndex((item) => item.contains(document.activeElement));
}

function step(by) {
  return (event) => {
    if (!items().length || event.target.closest?.("#lecteur, [popover], [role=separator], .volet")) return false;
    whenFree(() => walk(by));
  };
}

function walk(by) {
  if (document.querySelector(":popover-open")) return; // a menu that was asked for before
  const all = items();
  const to = current() < 0 ? 0 : Math.min(Math.max(current() + by, 0), all.length - 1);
  const link = all[to]?.querySelector("a");
  link?.focus({ preventScroll: true });
  link?.scrollIntoView({ block: "nearest" });
}

// While a letter is read the next one is opened, else the focus goes to the next item.
function go(by) {
  const stepped = step(by);
  return (event) => {
    const here = event.target === document.body || event.target.closest?.("#lecteur, .courriels a[aria-current]");
    if (!here || !reader()?.querySelector(".lecture")) return stepped(event);
    whenFree(() => during(read(by)));
  };
}

// The reader's own menu, or else that of the list's bar.
function menu(id, other) {
  return (event) => {
    const button = reader()?.contains(event.target) && reader().querySelector(`[popovertarget="${id}"]`);
    if (!button) return whenFree(() => open(other));
    button.click();
    document.getElementById(id).querySelector("input:not([type=checkbox]), button")?.focus();
  };
}

const all = () => whenFree(() => document.querySelector("#cocher input")?.click());
const press = (name) => () => whenFree(() => act(name));

bind({
  j: go(1),
  k: go(-1),
  ArrowDown: step(1),
  ArrowUp: step(-1),
  x: () => whenFree(() => {
    const item = items()[current()];
    if (item) choose(item, !item.querySelector("input").checked);
  }),
  Escape: (event) => {
    if (event.target.closest?.("#lecteur") || document.querySelector(":popover-open")) return false;
    clear();
  },
  e: press("archiver"),
  "#": press("supprimer"),
  "Shift+#": press("supprimer"),
  Delete: press("supprimer"),
  "!": press("indesirable"),
  "Shift+!": press("indesirable"),
  u: press("nonlu"),
  i: press("lu"),
  s: press("suivre"),
  m: press("masquer"),
  v: menu("lecture-deplacer", "menu-ranger"),
  l: menu("lecture-etiqueter", "menu-etiquettes"),
  b: menu("lecture-reporter", "menu-reporter"),
  z: () => whenFree(() => {
    const undo = document.querySelector("#dit form");
    if (!undo) return location.assign("/m/annuler");
    undo.requestSubmit();
  }),
  "*": all,
  "Shift+*": all,
  "Shift+r": () => whenFree(() => during(load("GET", list().dataset.adresse))),
});
