// The bar between list and reader: by pointer, or by arrows, Home and End. Its place is remembered in this browser.

const bar = document.getElementById("poignee");
const desk = bar?.parentElement;
const upright = bar?.getAttribute("aria-orientation") === "vertical";
const key = upright ? "largeur-liste" : "hauteur-liste";
const [least, most] = [20, 80];

function place(percent) {
  const value = Math.round(Math.min(most, Math.max(least, percent)));
  desk.style.setProperty("--liste", `${value}%`);
  bar.setAttribute("aria-valuenow", value);
  return value;
}

function keep(percent) {
  localStorage.setItem(key, place(percent));
}

// What the list takes, as the style sheet gave it.
function share() {
  const [list, whole] = [document.getElementById("liste").getBoundingClientRect(), desk.getBoundingClientRect()];
  return Math.round(100 * (upright ? list.width / whole.width : list.height / whole.height)) || 40;
}

function drag(event) {
  const { left, top, width, height } = desk.getBoundingClientRect();
  place(upright ? ((event.clientX - left) / width) * 100 : ((event.clientY - top) / height) * 100);
}

if (bar) {
  bar.hidden = false;
  const kept = Number(localStorage.getItem(key));
  if (kept) place(kept);
  else bar.setAttribute("aria-valuenow", share());
  bar.addEventListener("pointerdown", (event) => {
    bar.setPointerCapture(event.pointerId);
    bar.addEventListener("pointermove", drag);
  });
  bar.addEventListener("lostpointercapture", () => {
    bar.removeEventListener("pointermove", drag);
    keep(Number(bar.getAttribute("aria-valuenow")));
  });
  bar.addEventListener("keydown", (event) => {
    const now = Number(bar.getAttribute("aria-valuenow"));
    const [less, more] = upright ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
    const to = { [less]: now - 2, [more]: now + 2, Home: least, End: most }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    keep(to);
  });
}
