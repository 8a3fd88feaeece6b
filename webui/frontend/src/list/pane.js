// A message opens in the pane beside the list; filters, orders and pages replace the list alone.

import { away } from "../core/away.js";
import { exchange } from "../core/exchange.js";
import { keep, kept } from "../core/kept.js";
import { items } from "./choosing.js";
import { announce, hasPane, list, load, mark, reader } from "./place.js";

const MESSAGE = /^\/m\/(message|partage\/\d+)\/\d+$/;
const WITHIN = /^\/m\/(message|partage\/\d+)\/\d+\/(rediriger|rappeler|source|entetes|apercu\/[\d.]+)$/; // pages about one message

// What a letter looks like, and its script, come with the first one, or when a pointer comes near.
let outfit = null;

function added(tag, fields) {
  return new Promise((done) => {
    const made = document.createElement(tag);
    made.onload = made.onerror = done;
    Object.assign(made, fields);
    document.head.append(made);
  });
}

function equip() {
  const { feuille, code } = reader()?.dataset ?? {};
  if (feuille) outfit ??= Promise.all([added("link", { rel: "stylesheet", href: feuille }), added("script", { src: code })]);
  return outfit;
}

document.addEventListener("pointerover", (event) => {
  if (hasPane() && event.target.closest?.(".courriels a")) equip();
});

// Put what an address answers into the pane; false when it answered with a fault, which is said elsewhere.
export async function fill(method, address, { focus = false, event, source, same = false } = {}) {
  await quit(address, same);
  const before = reader().firstElementChild;
  reader().setAttribute("aria-busy", "true");
  await equip();
  await exchange(method, address, "#lecteur", { event, source });
  reader().removeAttribute("aria-busy");
  if (before?.isConnected) return false;
  reader().scrollTop = 0;
  announce();
  document.dispatchEvent(new CustomEvent("lecture"));
  const heading = reader().querySelector("h1, h2");
  if (focus && heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  return true;
}

// What is being written below the letter is kept before something else is shown (panels/dock.js).
async function quit(address = "", same = false) {
  const waits = [];
  document.dispatchEvent(new CustomEvent("quitter", { detail: { address, same, waits } }));
  await Promise.all(waits);
}

// No letter is open: what stood there at first says so.
const nothing = [...(reader()?.childNodes ?? [])].map((node) => node.cloneNode(true));

export async function close() {
  if (!reader()) return;
  await quit();
  reader().replaceChildren(...nothing.map((node) => node.cloneNode(true)));
}

export async function read(link, how) {
  const before = document.querySelector(".courriels a[aria-current]")?.id;
  mark(link);
  if (await fill("GET", link.getAttribute("href"), how)) {
    if (!reader().querySelector("[data-nonlu]")) link.closest("li")?.classList.remove("n");
    link.scrollIntoView({ block: "nearest" });
    keep(list().dataset.adresse, link.id, link.pathname);
  } else {
    mark(before && document.getElementById(before));
  }
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a");
  if (!link) return;
  if (link.matches(".courriels a") && hasPane() && /^\/m\/(message|partage)\//.test(link.pathname)) {
    event.preventDefault();
    read(link, { focus: event.detail === 0 });
  } else if (link.matches("#lecteur a") && WITHIN.test(link.pathname) && !link.target) {
    event.preventDefault();
    fill("GET", link.getAttribute("href"), { focus: true });
  } else if (link.matches("#lecteur a") && MESSAGE.test(link.pathname) && !link.target) {
    event.preventDefault();
    const id = link.pathname.split("/").pop();
    const item = document.querySelector(`.courriels a[id="m${id}"]`);
    if (item && link.relList.length) read(item, { focus: true });
    else fill("GET", link.getAttribute("href"), { focus: true });
  } else if (link.matches("#liste :is(.filtres-liste, .suite, #menu-tri .coches) a, #actualiser")) {
    event.preventDefault();
    load("GET", link.href, { keep: link.id === "actualiser" }).then((done) => {
      if (!done) return;
      history.pushState(null, "", link.href);
      list().scrollTop = 0;
      document.querySelector(".courriels a, #titre")?.focus({ preventScroll: true });
    });
  }
});
document.addEventListener("partie", close);
// The letter has been open for as long as its reader chose.
document.addEventListener("lue", (event) => {
  document.getElementById(`m${event.detail}`)?.closest("li")?.classList.remove("n");
});

// The next or the previous item of the list opens; beyond its end, the first or last of the page that follows.
export async function step(by) {
  const all = items();
  const at = all.findIndex((item) => item.querySelector("a[aria-current]"));
  if (at < 0 || !hasPane()) return;
  let item = all[at + by];
  if (!item) {
    const page = document.querySelector(`#liste .suite a[rel=${by > 0 ? "next" : "prev"}]`);
    if (!page || !(await load("GET", page.href, { keep: false }))) return;
    history.pushState(null, "", page.href);
    item = by > 0 ? items()[0] : items().at(-1);
  }
  const link = item?.querySelector("a");
  if (link) await read(link, { focus: true });
}

addEventListener("popstate", () => away(() => location.reload()));

// Open again the message that the address names: after a page that one came back from, or a reload.
export function reopen() {
  const id = location.hash.slice(1);
  if (!/^m\d+$/.test(id) || !hasPane()) return;
  const link = document.getElementById(id);
  if (link?.matches(".courriels a")) read(link);
  else if (kept()?.id === id) history.replaceState(null, "", location.pathname + location.search);
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.closest?.("#lecteur") || event.defaultPrevented) return;
  (document.querySelector(".courriels a[aria-current]") ?? document.querySelector(".courriels a"))?.focus();
});
