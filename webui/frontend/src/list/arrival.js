// New messages wait above the list until they are asked for: nothing moves under the pointer.

import { list, load } from "./place.js";

function waiting(boxes) {
  const box = boxes[list()?.dataset.boite];
  const button = document.getElementById("arrivee");
  if (!box || !button || !("debut" in list().dataset) || !document.body.classList.contains("annonces")) return;
  const number = box.u - Number(list().dataset.suivant);
  button.hidden = number <= 0;
  button.textContent = number === 1 ? button.dataset.un : button.dataset.plusieurs.replace("{n}", number);
}

document.addEventListener("dossiers", (event) => waiting(event.detail));
// A letter was written over the list of drafts.
document.addEventListener("brouillons", () => {
  if (list() && "brouillons" in list().dataset) load("GET", list().dataset.adresse, { keep: false });
});
document.addEventListener("click", async (event) => {
  if (event.target.id !== "arrivee") return;
  if (await load("GET", list().dataset.adresse, { keep: false })) {
    list().scrollTop = 0;
    document.querySelector(".courriels a")?.focus();
  }
});
