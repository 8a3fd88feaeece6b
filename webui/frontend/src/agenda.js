// The week with a pointer or a keyboard: move and resize events, draw new ones, choose agendas without a button.
//
// Everything here fills a form of the page and sends it: the server decides, asks which occurrences are meant, and
// offers to take it back. Without this script the same is done on the page of the event.

const STEP = 5;
const SNAP = 15;
const KEY_STEP = 15;
const FAR = 4;
const DAY = 24 * 60;

document.body.classList.add("avec-script");
const chooser = document.getElementById("choix-agendas");
chooser?.addEventListener("change", () => chooser.requestSubmit());

const week = document.querySelector(".semaine");
const form = document.getElementById("deplacer");
const status = document.getElementById("agenda-dit");
if (week && form) begin();

function begin() {
  const hour = () => parseFloat(getComputedStyle(week.querySelector(".temps")).height) / (week.dataset.fin - week.dataset.debut);
  const columns = [...week.querySelectorAll(".jour")];
  const isGrid = () => getComputedStyle(week.querySelector(".heures")).display !== "none";
  let held = null;
  let moved = false;

  // Minutes from the first hour shown, at a height within a column.
  const minutes = (pixels) => Math.round((pixels / hour()) * 60 / SNAP) * SNAP;
  const columnAt = (x) => columns.findIndex((one) => { const box = one.getBoundingClientRect(); return x >= box.left && x < box.right; });
  const days = (one) => (new Date(columns[one].dataset.jour) - new Date(columns[held.column].dataset.jour)) / 864e5;
  const clock = (total) => `${String(Math.floor(total / 60)).padStart(2, "0")}:${String(total % 60).padStart(2, "0")}`;
  const number = (element, name) => Number(getComputedStyle(element).getPropertyValue(name));
  const startOf = (event) => week.dataset.debut * 60 + number(event, "--h") * 60 + number(event, "--m") * STEP;
  const lengthOf = (event) => number(event, "--d") * 60 + number(event, "--e") * STEP;

  function send(event, later, longer) {
    const address = new URL(event.href);
    form.action = `${address.pathname}/deplacer`;
    form.elements.le.value = address.searchParams.get("le") ?? "";
    form.elements.etag.value = event.dataset.etag;
    form.elements.minutes.value = later;
    form.elements.duree.value = longer;
    form.submit();
  }

  function show(event, state) {
    const height = hour();
    event.style.setProperty("transform", `translate(${state.shift ?? 0}px, ${(state.later % DAY) / 60 * height}px)`);
    event.style.setProperty("height", `${Math.max(0.25, (state.length + state.longer) / 60) * height - 3}px`);
    event.classList.add("tire");
  }

  function put(event) {
    event.style.removeProperty("transform");
    event.style.removeProperty("height");
    event.classList.remove("tire");
  }

  function tell(event, state) {
    const start = startOf(event) + (((state.later % DAY) + DAY) % DAY);
    const day = columns[state.target ?? state.column].querySelector(".plein").textContent;
    status.textContent = `${week.dataset.deplace} ${day}, ${clock(start % DAY)} – ${clock((start + state.length + state.longer) % DAY)}`;
  }

  // ------------------------------------------------------------------ pointer

  for (const event of week.querySelectorAll(".temps .mobile")) {
    const handle = document.createElement("span");
    handle.className = "poignee";
    event.append(handle);
    event.draggable = false;
    event.setAttribute("aria-keyshortcuts", "Alt+ArrowUp Alt+ArrowDown Alt+ArrowLeft Alt+ArrowRight");
    event.title = week.dataset.aide;
  }

  week.addEventListener("pointerdown", (down) => {
    if (down.button || down.pointerType === "touch" || !isGrid()) return;
    const event = down.target.closest(".temps .mobile");
    const time = down.target.closest(".temps");
    if (event) {
      held = { event, resize: down.target.className === "poignee", x: down.clientX, y: down.clientY, later: 0, longer: 0,
        length: lengthOf(event), column: columns.indexOf(event.closest(".jour")) };
      event.setPointerCapture(down.pointerId);
    } else if (time && !down.target.closest("a")) {
      const box = time.getBoundingClientRect();
      held = { draw: document.createElement("div"), time, top: box.top, from: Math.floor((down.clientY - box.top) / hour() * 60 / 30) * 30, to: 0,
        y: down.clientY, column: columns.indexOf(time.closest(".jour")) };
      held.draw.className = "creation";
      time.setPointerCapture(down.pointerId);
    }
    moved = false;
  });

  week.addEventListener("pointermove", (move) => {
    if (!held) return;
    if (!moved && Math.hypot(move.clientX - (held.x ?? move.clientX), move.clientY - held.y) < FAR) return;
    moved = true;
    if (held.draw) {
      held.to = Math.max(held.from + 30, minutes(move.clientY - held.top));
      held.draw.style.setProperty("top", `${held.from / 60 * hour()}px`);
      held.draw.style.setProperty("height", `${(held.to - held.from) / 60 * hour()}px`);
      held.time.append(held.draw);
      return;
    }
    const by = minutes(move.clientY - held.y);
    if (held.resize) held.longer = Math.max(SNAP - held.length, by);
    else {
      const target = columnAt(move.clientX);
      held.target = target < 0 ? held.column : target;
      held.later = by + days(held.target) * DAY;
      held.shift = columns[held.target].getBoundingClientRect().left - columns[held.column].getBoundingClientRect().left;
    }
    show(held.event, { ...held, later: held.resize ? 0 : by });
    tell(held.event, held);
  });

  week.addEventListener("pointerup", () => {
    const done = held;
    held = null;
    if (!done) return;
    if (done.draw) {
      const from = week.dataset.debut * 60 + done.from;
      const length = moved ? done.to - done.from : 60;
      const query = new URLSearchParams({ jour: columns[done.column].dataset.jour, heure: clock(from), duree: length, vue: form.elements.vue.value });
      location.assign(`/agenda/nouveau?${query}`);
    } else if (moved && (done.later || done.longer)) send(done.event, done.later, done.longer);
    else put(done.event);
  });

  week.addEventListener("pointercancel", abandon);
  week.addEventListener("click", (click) => {
    if (moved && click.target.closest(".temps .mobile")) click.preventDefault();
  }, true);

  // ------------------------------------------------------------------ keyboard

  function abandon() {
    if (!held) return;
    if (held.event) put(held.event);
    held.draw?.remove();
    held = null;
  }

  week.addEventListener("keydown", (key) => {
    const event = key.target.closest?.(".temps .mobile");
    if (event && key.altKey && key.key.startsWith("Arrow") && isGrid()) {
      key.preventDefault();
      const column = columns.indexOf(event.closest(".jour"));
      if (held?.event !== event) held = { event, later: 0, longer: 0, length: lengthOf(event), column, target: column, rows: 0 };
      const down = { ArrowUp: -KEY_STEP, ArrowDown: KEY_STEP }[key.key] ?? 0;
      const across = { ArrowLeft: -1, ArrowRight: 1 }[key.key] ?? 0;
      if (key.shiftKey) held.longer = Math.max(SNAP - held.length, held.longer + down);
      else {
        held.rows += down;
        held.target = Math.min(columns.length - 1, Math.max(0, held.target + across));
        held.later = held.rows + days(held.target) * DAY;
        held.shift = columns[held.target].getBoundingClientRect().left - columns[column].getBoundingClientRect().left;
      }
      show(event, { ...held, later: held.rows });
      tell(event, held);
    } else if (held?.event && key.key === "Enter") {
      key.preventDefault();
      if (held.later || held.longer) send(held.event, held.later, held.longer);
      else abandon();
    } else if (held && key.key === "Escape") {
      abandon();
      status.textContent = week.dataset.abandon;
    }
  });
  week.addEventListener("focusout", (leaving) => {
    if (held?.event === leaving.target && held.rows !== undefined) abandon();
  });

  // The link of a day makes an event at an hour that arrows choose.
  for (const link of week.querySelectorAll(".ajout")) {
    link.addEventListener("keydown", (key) => {
      const step = { ArrowUp: -30, ArrowDown: 30 }[key.key];
      if (!step || key.altKey) return;
      key.preventDefault();
      const address = new URL(link.href);
      const now = address.searchParams.get("heure");
      const at = now ? Number(now.slice(0, 2)) * 60 + Number(now.slice(3)) + step : week.dataset.debut * 60;
      address.searchParams.set("heure", clock(Math.min(DAY - 30, Math.max(0, at))));
      link.href = address;
      status.textContent = `${week.dataset.nouveau}, ${link.closest("h2").querySelector(".plein").textContent}, ${address.searchParams.get("heure")}`;
    });
  }
}
