// New messages come in by themselves while one is at the top of the list and does nothing there; otherwise a button tells
// of them, and nothing moves under the pointer.

import { list, load } from "./place.js";

const TOP = 8;
let pressed = false;
let loading = false;

function isQuiet() {
  return list().scrollTop <= TOP && scrollY <= TOP && !pressed && !document.querySelector("#liste [popover]:popover-open");
}

function waiting(boxes) {
  const box = boxes[list()?.dataset.boite];
  const button = document.getElementById("arrivee");
  if (!box || !button || !("debut" in list().dataset) || !document.body.classList.contains("annonces")) return;
  const number = box.u - Number(list().dataset.suivant);
  if (number > 0 && isQuiet()) {
    bring();
    return;
  }
  button.hidden = number <= 0;
  button.textContent = number === 1 ? button.dataset.un : button.dataset.plusieurs.replace("{n}", number);
}

async function bring() {
  if (loading) return;
  loading = true;
  await load("GET", list().dataset.adresse, { same: true });
  loading = false;
}

for (const [name, down] of [["pointerdown", true], ["pointerup", false], ["pointercancel", false], ["dragend", false]]) {
  addEventListener(name, () => { pressed = down; }, { capture: true, passive: true });
}
document.addEventListener("dossiers", (event) => waiting(event.detail));
// A letter was written over the list of drafts.
document.addEventListener("brouillons", () => {
  if (list() && "brouillons" in list().dataset) load("GET", list().dataset.adresse, { same: true });
});
document.addEventListener("click", async (event) => {
  if (event.target.id !== "arrivee") return;
  if (await load("GET", list().dataset.adresse, { keep: false })) {
    list().scrollTop = 0;
    document.querySelector(".courriels a")?.focus();
  }
});
