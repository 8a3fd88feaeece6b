// A file of a message, looked at: over the page that its link stands on, or on a page of its own. Arrows lead to the files
// beside it, Esc back to the message. Loaded when the first is asked for.

import { zoom } from "./preview/zoom.js";

const SCENE = "[data-vue]";
let box = null;
let opener = null;

// What the server says a file's page holds, for a pane.
async function fetched(address, options = {}) {
  const answer = await fetch(address, { ...options, headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
  const content = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(SCENE);
  if (!content) throw new Error(`no file at ${address}`);
  return content;
}

// What needs a script, on a page or over one.
function mount(scene) {
  const pdf = scene.querySelector("[data-pdf]");
  if (pdf) {
    import(pdf.dataset.script).then((module) => module.mount(pdf)).then((scale) => scale && zoom(scene, scale));
  } else {
    const picture = scene.querySelector(".image-seule img");
    if (picture) zoom(scene, (factor) => picture.style.setProperty("--grandi", factor));
  }
}

async function fill(address, options) {
  box.setAttribute("aria-busy", "true");
  try {
    const content = await fetched(address, options);
    if (!box) return;
    box.replaceChildren(content);
    mount(content);
    const heading = content.querySelector("h1, h2");
    heading.tabIndex = -1;
    heading.focus();
  } catch {
    location.assign(options ? location.href : address); // the page says what is wrong
  } finally {
    box?.removeAttribute("aria-busy");
  }
}

// Over the page, from a link to the file's own page.
export function open(link) {
  opener = link;
  box = document.createElement("dialog");
  box.className = "vue-boite";
  box.setAttribute("aria-labelledby", "vue-nom");
  box.addEventListener("close", closed);
  box.addEventListener("click", within);
  box.addEventListener("submit", submitted);
  document.body.append(box);
  box.showModal();
  return fill(link.href);
}

function closed() {
  box.remove();
  box = null;
  opener?.focus();
}

function within(event) {
  const link = event.target.closest("a");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.matches("[data-fermer]")) box.close();
  else if (link.matches("[rel=prev], [rel=next]")) fill(link.href);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function submitted(event) {
  event.preventDefault();
  fill(event.target.action, { method: "POST", body: new URLSearchParams(new FormData(event.target, event.submitter)) });
}

document.addEventListener("keydown", (event) => {
  const scene = (box ?? document).querySelector(SCENE);
  if (!scene || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented) return;
  if (event.target.closest?.("input, select, textarea, audio, video, [contenteditable]")) return;
  const to = { ArrowLeft: "[rel=prev]", ArrowRight: "[rel=next]", Escape: "[data-fermer]" }[event.key];
  const link = to && scene.querySelector(to);
  if (!link) return;
  event.preventDefault();
  link.click();
});

const page = document.querySelector(SCENE);
if (page) mount(page);
