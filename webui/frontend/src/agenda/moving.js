// Events moved, resized, copied and drawn in the grid: by pointer, by a finger that stays for a moment, by keys.

import { keep, restore } from "./place.js";

const STEP = 5;
const SNAP = 15;
const FAR = 4;
const DRIFT = 10;
const LONG_PRESS_MS = 450;
const DAY = 24 * 60;
const ACROSS = { ArrowLeft: -1, ArrowRight: 1 };
const DOWN = { ArrowUp: -SNAP, ArrowDown: SNAP };

const week = document.querySelector(".semaine");
const form = document.getElementById("deplacer");
const status = document.getElementById("agenda-dit");
const columns = week ? [...week.querySelectorAll(".jour")] : [];
const letters = document.body.classList.contains("raccourcis");
let held = null;
let moved = false;
let pressing = 0;

// The hours at which rows begin, and that at which the last one ends; a row of several hours is folded.
const edges = week ? week.dataset.heures.split(" ").map(Number) : [];
const rows = edges.length - 1;

const hour = () => week.querySelector(".temps").getBoundingClientRect().height / rows;
// Where a minute of the day is, in rows from the top, and back.
function rowOf(minute) {
  const at = within(edges.findLastIndex((edge) => edge * 60 <= minute), 0, rows - 1);
  const inside = edges[0] * 60 <= minute && minute < edges[rows] * 60;
  return inside ? at + (minute / 60 - edges[at]) / (edges[at + 1] - edges[at])
    : minute < edges[0] * 60 ? minute / 60 - edges[0] : rows + minute / 60 - edges[rows];
}
function minuteOf(row) {
  const at = Math.floor(row);
  if (row < 0) return (edges[0] + row) * 60;
  if (row >= rows) return (edges[rows] + row - rows) * 60;
  return (edges[at] + (row - at) * (edges[at + 1] - edges[at])) * 60;
}
const isGrid = () => getComputedStyle(week.querySelector(".heures")).display !== "none";
const snapped = (minutes) => Math.round(minutes / SNAP) * SNAP;
// How many minutes of the day lie between a minute and what is so many pixels below it.
const minutesFrom = (minute, pixels) => snapped(minuteOf(rowOf(minute) + pixels / hour()) - minute);
const columnAt = (x) => columns.findIndex((one) => { const box = one.getBoundingClientRect(); return x >= box.left && x < box.right; });
const days = (to, from) => Math.round((new Date(columns[to].dataset.jour) - new Date(columns[from].dataset.jour)) / 864e5);
const clock = (total) => `${String(Math.floor(total / 60)).padStart(2, "0")}:${String(total % 60).padStart(2, "0")}`;
const number = (element, name) => Number(getComputedStyle(element).getPropertyValue(name));
const startOf = (event) => Math.round(minuteOf(number(event, "--h") + number(event, "--m") * STEP / 60));
const lengthOf = (event) => number(event, "--d") * 60 + number(event, "--e") * STEP;
const within = (value, low, high) => Math.min(high, Math.max(low, value));

function send({ event, down, target, column, longer, copy }) {
  const address = new URL(event.href);
  form.action = `${address.pathname}/deplacer`;
  form.elements.le.value = address.searchParams.get("le") ?? "";
  form.elements.etag.value = event.dataset.etag;
  form.elements.minutes.value = down + days(target, column) * DAY;
  form.elements.duree.value = longer;
  form.elements.copie.value = copy ? "1" : "";
  keep(event);
  form.submit();
}

// What is held: an event, how many minutes it moved down and how much longer it is, and the column it is over.
function take(event, more = {}) {
  const column = columns.indexOf(event.closest(".jour"));
  return { event, down: 0, longer: 0, length: lengthOf(event), column, target: column, copy: false, ...more };
}

function show() {
  const { event, down, longer, length, column, target } = held;
  const shift = columns[target].getBoundingClientRect().left - columns[column].getBoundingClientRect().left;
  const start = startOf(event) + down;
  const top = rowOf(start);
  event.style.setProperty("transform", `translate(${shift}px, ${(top - rowOf(start - down)) * hour()}px)`);
  event.style.setProperty("height", `${Math.max(0.25, rowOf(start + length + longer) - top) * hour() - 2}px`);
  event.classList.add("tire");
  const day = columns[target].querySelector(".plein").textContent;
  const said = held.copy ? week.dataset.copie : week.dataset.deplace;
  status.textContent = `${said} ${day}, ${clock(((start % DAY) + DAY) % DAY)} – ${clock((start + length + longer + DAY) % DAY)}`;
}

function abandon(say = false) {
  clearTimeout(pressing);
  if (!held) return;
  held.event?.style.removeProperty("transform");
  held.event?.style.removeProperty("height");
  held.event?.classList.remove("tire");
  held.draw?.remove();
  held = null;
  if (say) status.textContent = week.dataset.abandon;
}

function shift(down) {
  const start = startOf(held.event);
  held.down = within(down, -start, DAY - SNAP - start);
}

// ------------------------------------------------------------------ pointer and finger

function begin(down, event, time) {
  if (event) {
    held = take(event, { resize: down.target.className === "poignee", x: down.clientX, y: down.clientY, copy: down.ctrlKey || down.altKey });
    event.setPointerCapture(down.pointerId);
  } else {
    const { top } = time.getBoundingClientRect();
    const from = Math.floor(minuteOf((down.clientY - top) / hour()) / 30) * 30;
    held = { draw: document.createElement("div"), time, top, from, to: from + 60, x: down.clientX, y: down.clientY, column: columns.indexOf(time.closest(".jour")) };
    held.draw.className = "creation";
    time.setPointerCapture(down.pointerId);
  }
  moved = false;
}

function pointerdown(down) {
  if (down.button || !isGrid()) return;
  abandon();
  const event = down.target.closest(".temps .mobile");
  const time = down.target.closest("a") ? null : down.target.closest(".temps");
  if (!event && !time) return;
  if (down.pointerType !== "touch") {
    begin(down, event, time);
    return;
  }
  const start = { x: down.clientX, y: down.clientY };
  pressing = setTimeout(() => {
    begin(down, event, time);
    moved = true; // staying is asking for it
    if (event) show();
    else draw();
  }, LONG_PRESS_MS);
  const drift = (move) => {
    if (!held && Math.hypot(move.clientX - start.x, move.clientY - start.y) > DRIFT) clearTimeout(pressing);
  };
  addEventListener("pointermove", drift);
  addEventListener("pointerup", () => {
    clearTimeout(pressing);
    removeEventListener("pointermove", drift);
  }, { once: true });
}

function draw() {
  const top = rowOf(held.from);
  held.draw.style.setProperty("top", `${top * hour()}px`);
  held.draw.style.setProperty("height", `${(rowOf(held.to) - top) * hour()}px`);
  held.time.append(held.draw);
}

function pointermove(move) {
  if (!held || held.keys) return;
  if (!moved && Math.hypot(move.clientX - held.x, move.clientY - held.y) < FAR) return;
  moved = true;
  if (held.draw) {
    held.to = Math.max(held.from + 30, snapped(minuteOf((move.clientY - held.top) / hour())));
    draw();
    return;
  }
  const start = startOf(held.event);
  const below = move.clientY - held.y;
  if (held.resize) held.longer = Math.max(SNAP - held.length, minutesFrom(start + held.length, below));
  else {
    const target = columnAt(move.clientX);
    held.target = target < 0 ? held.column : target;
    shift(minutesFrom(start, below));
  }
  show();
}

function pointerup() {
  if (!held || held.keys) return;
  const done = held;
  if (done.draw) {
    const length = moved ? done.to - done.from : 60;
    const query = new URLSearchParams({ jour: columns[done.column].dataset.jour, heure: clock(done.from), duree: length, vue: form.elements.vue.value });
    location.assign(`/agenda/nouveau?${query}`);
  } else if (moved && (done.down || done.longer || done.target !== done.column)) {
    held = null;
    send(done);
  } else abandon();
}

// ------------------------------------------------------------------ keys

function keydown(key) {
  if (key.key === "Escape" && held) {
    abandon(true);
    return;
  }
  if (key.ctrlKey || key.metaKey || !isGrid()) return;
  const event = key.target.closest?.(".temps .mobile");
  const copies = letters && key.key === "c" && !key.altKey;
  if (event && (key.key in ACROSS || key.key in DOWN || copies)) {
    key.preventDefault();
    if (held?.event !== event) {
      abandon();
      held = take(event, { keys: true });
    }
    if (copies) held.copy = true;
    else if (key.shiftKey) held.longer = Math.max(SNAP - held.length, held.longer + (DOWN[key.key] ?? 0));
    else {
      held.target = within(held.target + (ACROSS[key.key] ?? 0), 0, columns.length - 1);
      shift(held.down + (DOWN[key.key] ?? 0));
    }
    show();
  } else if (held?.keys && key.key === "Enter") {
    key.preventDefault();
    const done = held;
    held = null;
    if (done.down || done.longer || done.copy || done.target !== done.column) send(done);
    else {
      held = done;
      abandon(true);
    }
  }
}

// The link of a day makes an event at an hour that arrows choose.
function choosing(link) {
  link.addEventListener("keydown", (key) => {
    const step = { ArrowUp: -30, ArrowDown: 30 }[key.key];
    if (!step || key.altKey) return;
    key.preventDefault();
    const address = new URL(link.href);
    const now = address.searchParams.get("heure");
    const at = now ? Number(now.slice(0, 2)) * 60 + Number(now.slice(3)) + step : edges[0] * 60;
    address.searchParams.set("heure", clock(within(at, 0, DAY - 30)));
    link.href = address;
    status.textContent = `${week.dataset.nouveau}, ${link.closest(".jour").querySelector(".plein").textContent}, ${address.searchParams.get("heure")}`;
  });
}

// The keys are told once, of the whole week, and beside an event only where a pointer rests.
function explain() {
  document.getElementById("agenda-aide").textContent = week.dataset.aide;
  week.addEventListener("pointerover", ({ target, pointerType }) => {
    const event = target.closest(".temps .mobile");
    if (event && pointerType === "mouse") event.title = week.dataset.aide;
  });
  week.addEventListener("pointerout", ({ target }) => target.closest(".temps .mobile")?.removeAttribute("title"));
}

if (week && form) {
  explain();
  for (const event of week.querySelectorAll(".temps .mobile")) {
    const handle = document.createElement("span");
    handle.className = "poignee";
    event.append(handle);
    event.draggable = false;
  }
  week.addEventListener("pointerdown", pointerdown);
  week.addEventListener("pointermove", pointermove);
  week.addEventListener("pointerup", pointerup);
  week.addEventListener("pointercancel", () => abandon());
  week.addEventListener("contextmenu", (menu) => {
    if (held) menu.preventDefault(); // a finger that stays
  });
  week.addEventListener("touchmove", (touch) => {
    if (held) touch.preventDefault();
  }, { passive: false });
  week.addEventListener("click", (click) => {
    if (!moved || !click.target.closest(".temps .mobile")) return;
    click.preventDefault();
    click.stopPropagation();
  }, true);
  week.addEventListener("keydown", keydown);
  week.addEventListener("focusout", (leaving) => {
    if (held?.keys && held.event === leaving.target) abandon(true);
  });
  week.querySelectorAll(".ajout").forEach(choosing);
  restore(status);
}

// n: a new event, on the day one is at; z, with Control or alone, takes back what was just done.
const typing = (key) => key.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog");
document.addEventListener("keydown", (key) => {
  if (typing(key) || key.defaultPrevented) return;
  const undo = document.querySelector('form[action$="/annuler"]:has([name=jeton])');
  if (key.key === "z" && undo && !key.altKey && (letters || key.ctrlKey || key.metaKey)) {
    key.preventDefault();
    undo.requestSubmit();
  } else if (letters && key.key === "n" && !key.ctrlKey && !key.metaKey && !key.altKey) {
    const day = document.activeElement?.closest?.(".jour")?.querySelector(".ajout") ?? document.querySelector('#agendas a.principal[href*="/nouveau"]');
    if (day) location.assign(day.href);
  }
});
