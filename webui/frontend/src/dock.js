// The dock: a letter that answers the one that is read stands below it, in the reader, and leaves with it. It is a panel
// like the others (panels.js) in another place. Comes with the first such letter.

import { isDocked, shown, wide } from "./panels/berth.js";

const PAGE = /^\/m\/(?:message|partage\/\d+)\/(\d+)/;
const LEAST = 176; // pixels: a line of recipients, two of text, the bar
const MOST = 0.64; // of the reader: the letter stays in sight
const STEP = 32;
let following = false;

export function dock(panel, article) {
  const { section } = panel;
  panel.letter = article.dataset.message;
  section.classList.add("quai");
  delete section.dataset.etat;
  article.append(section);
  section.prepend(handle(section, article));
}

function undock(panel, place) {
  const { section } = panel;
  section.classList.remove("quai");
  section.style.removeProperty("height");
  section.querySelector(":scope > .poignee-quai")?.remove();
  place.append(section);
}

// ------------------------------------------------------------------ its height

function handle(section, article) {
  const bar = document.createElement("div");
  bar.className = "poignee-quai";
  bar.tabIndex = 0;
  bar.setAttribute("role", "separator");
  bar.setAttribute("aria-orientation", "horizontal");
  bar.setAttribute("aria-label", document.getElementById("panneaux").dataset.hauteur);
  const limit = () => article.clientHeight * MOST;
  const tell = () => bar.setAttribute("aria-valuenow", String(Math.round((100 * section.offsetHeight) / (article.clientHeight || 1))));
  const set = (height) => {
    section.style.setProperty("height", `${Math.max(LEAST, Math.min(height, limit()))}px`);
    tell();
  };
  bar.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    bar.setPointerCapture(event.pointerId);
    const [from, height] = [event.clientY, section.offsetHeight];
    const move = (moved) => set(height + from - moved.clientY);
    bar.addEventListener("pointermove", move);
    bar.addEventListener("lostpointercapture", () => bar.removeEventListener("pointermove", move), { once: true });
  });
  bar.addEventListener("keydown", (event) => {
    const by = { ArrowUp: STEP, ArrowDown: -STEP }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    set(section.offsetHeight + by);
  });
  requestAnimationFrame(tell);
  return bar;
}

// ------------------------------------------------------------------ it leaves with its letter

// `panels`: those that are open; `place`: where they float; `close`: keeps the draft, or says false when it cannot; `afloat`:
// of one that stays open without its letter.
export function follow(panels, place, close, afloat) {
  if (following) return;
  following = true;
  document.addEventListener("quitter", ({ detail: { address, same, waits } }) => {
    const stays = same ? null : PAGE.exec(new URL(address, location.href).pathname)?.[1];
    for (const one of panels.filter(isDocked)) {
      if (!one.letter || (!same && stays !== one.letter)) waits.push(leave(one));
      else {
        undock(one, place);
        one.homing = true;
      }
    }
  });
  async function leave(one) {
    if (await close(one)) return;
    undock(one, place);
    afloat(one);
  }
  // The same letter anew: with its pictures, or flagged.
  document.addEventListener("lecture", () => {
    for (const one of panels.filter(({ homing }) => homing)) {
      const article = shown(one.letter);
      if (article) dock(one, article);
      one.homing = !article;
    }
  });
  wide.addEventListener("change", () => {
    if (!wide.matches) for (const one of panels.filter(isDocked)) undock(one, place);
  });
}
