// The page's one polite region, at the lower left of the list: what was done, and what went wrong.

const SHOWN_MS = 10000;
const STAYS = "[data-envoi], [data-rappel]";
const place = document.getElementById("dit");
let timer = 0;

export const texts = place?.dataset ?? {};

// Words are a live region of their own: of what comes into a page at once, as a list does and what was done to it, Orca tells
// only the first piece, and what stands in such regions.
function heard(one) {
  if (typeof one !== "string") return one;
  const words = document.createElement("div");
  words.ariaLive = "polite";
  words.textContent = one;
  return words;
}

// Say a text, or show nodes (a text and a form that undoes it). What has the pointer or the focus stays, and so does a
// letter that can still be called back, or a reminder.
export function say(...what) {
  if (!place || !what[0]) return;
  const waiting = [...place.querySelectorAll(STAYS)].filter((one) => !what.includes(one));
  place.replaceChildren(...waiting, ...what.map(heard));
  clearTimeout(timer);
  timer = setTimeout(leave, SHOWN_MS);
}

function leave() {
  if (place.matches(`:hover, :focus-within, :has(${STAYS})`)) timer = setTimeout(leave, 2000);
  else place.replaceChildren();
}

// What the server put on a page that has just been done moves to the region, which is there before it speaks.
export function announce() {
  const done = document.getElementById("annonce");
  if (!done || done.dataset.envoi) return; // a letter that leaves has a script of its own
  say(...[...done.childNodes].map((one) => (one.nodeName === "DIV" ? one.textContent.trim() : one)));
  done.remove();
}
