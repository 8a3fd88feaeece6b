// Rules dragged to another place; the menu of each does the same, one place at a time.

const KIND = "application/x-regle";
const list = document.getElementById("regles");
const middle = (item) => item.getBoundingClientRect().top + item.offsetHeight / 2;

for (const handle of list?.querySelectorAll(".prise") ?? []) {
  handle.hidden = false;
  handle.draggable = true;
}

document.addEventListener("dragstart", (event) => {
  if (!event.target.closest?.(".prise")) return;
  const dragged = event.target.closest("li");
  dragged.classList.add("saisi");
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData(KIND, dragged.id);
  event.dataTransfer.setDragImage(dragged, 0, 0);
});
document.addEventListener("dragover", (event) => {
  const dragged = list?.querySelector(".saisi");
  if (!dragged || !event.dataTransfer.types.includes(KIND)) return;
  event.preventDefault();
  const below = [...list.children].find((one) => one !== dragged && middle(one) > event.clientY) ?? null;
  if (dragged.nextElementSibling !== below) list.insertBefore(dragged, below);
});
document.addEventListener("drop", (event) => {
  if (event.dataTransfer.types.includes(KIND)) event.preventDefault();
});
// Let go anywhere: a rule stays where it is seen, unless Escape was pressed.
document.addEventListener("dragend", (event) => {
  const dragged = list?.querySelector(".saisi");
  if (!dragged) return;
  dragged.classList.remove("saisi");
  const form = dragged.querySelector("form");
  const place = [...list.children].indexOf(dragged) + 1;
  if (event.dataTransfer.dropEffect === "none") location.reload();
  else if (String(place) !== form.elements.place.value) {
    form.elements.place.value = place;
    form.requestSubmit(form.querySelector("[value=placer]"));
  }
});
