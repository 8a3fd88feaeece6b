// On touch screens a row is pushed aside: to the left it is archived, to the right deleted, or what the person chose.
// Both can be taken back as always.

import { alone } from "./hand.js";

const START = 12;
const SHARE = 0.35;
let held = null;

const form = () => document.getElementById("une-ligne");

function action(distance) {
  return distance < 0 ? "archiver" : form()?.dataset.glisser;
}

function offers(value) {
  return Boolean(value && value !== "rien" && [...(form()?.elements ?? [])].some((one) => one.value === value));
}

function rest() {
  if (!held) return;
  held.item.classList.remove("glisse", "assez", "vers-droite");
  held.item.style.removeProperty("--glisse");
  held = null;
}

document.addEventListener("pointerdown", (event) => {
  const item = event.pointerType === "touch" && event.isPrimary && event.target.closest?.(".courriels > li");
  if (item && !event.target.matches("input")) held = { item, x: event.clientX, y: event.clientY, by: 0 };
});
document.addEventListener("pointermove", (event) => {
  if (!held || event.pointerType !== "touch") return;
  const [x, y] = [event.clientX - held.x, event.clientY - held.y];
  if (!held.by && Math.abs(y) > START) return rest();
  if (!held.by && Math.abs(x) < START) return;
  if (!offers(action(x))) return;
  const { item } = held;
  if (!held.by) item.setPointerCapture(event.pointerId);
  held.by = x;
  item.dataset.dit = form().dataset[action(x)];
  item.classList.add("glisse");
  item.classList.toggle("vers-droite", x > 0);
  item.classList.toggle("assez", Math.abs(x) > item.offsetWidth * SHARE);
  item.style.setProperty("--glisse", `${x}px`);
}, { passive: true });
document.addEventListener("pointerup", () => {
  if (!held?.by) {
    held = null;
    return;
  }
  const { item, by } = held;
  const enough = item.classList.contains("assez");
  rest();
  // What the finger lifts from is no click.
  item.addEventListener("click", (event) => event.preventDefault(), { capture: true, once: true });
  if (enough) alone(item, action(by));
});
document.addEventListener("pointercancel", rest);
