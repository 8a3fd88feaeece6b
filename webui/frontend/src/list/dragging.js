// Messages dragged to a folder; with Ctrl they are copied. The menu of folders does the same.

import { choose, chosen, clear } from "./choosing.js";
import { form } from "./place.js";

const KIND = "application/x-courriels";
const folder = (event) => event.target.closest?.(".volet a[data-depot]");

document.addEventListener("dragstart", (event) => {
  const item = event.target.closest?.(".courriels > li");
  if (!item) return;
  if (!item.querySelector("input").checked) {
    clear();
    choose(item);
  }
  for (const one of chosen()) one.classList.add("saisi");
  event.dataTransfer.effectAllowed = "copyMove";
  event.dataTransfer.setData(KIND, String(chosen().length));
});
document.addEventListener("dragend", () => {
  for (const one of document.querySelectorAll(".saisi")) one.classList.remove("saisi");
});
document.addEventListener("dragover", (event) => {
  const target = folder(event);
  for (const one of document.querySelectorAll(".cible")) if (one !== target) one.classList.remove("cible");
  if (!target || target.hasAttribute("aria-current") || !event.dataTransfer.types.includes(KIND)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = event.ctrlKey ? "copy" : "move";
  target.classList.add("cible");
});
document.addEventListener("drop", (event) => {
  const target = folder(event);
  const button = target && form()?.querySelector(`[name=ranger][value="${CSS.escape(target.dataset.boite)}"]`);
  if (!button || !event.dataTransfer.types.includes(KIND)) return;
  event.preventDefault();
  target.classList.remove("cible");
  const copies = form().querySelector("[name=copie][type=checkbox]");
  if (copies) copies.checked = event.ctrlKey;
  form().requestSubmit(button);
});
