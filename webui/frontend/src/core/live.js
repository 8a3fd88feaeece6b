// News of the folders: one stream for all tabs of a browser. A lock elects the tab that listens; a channel tells the
// others. Where there are no locks, or no stream is to be had, visible tabs ask once a minute.

import { renew } from "./column.js";
import { arrivals, note } from "./desktop.js";
import { say, texts } from "./said.js";

const POLL_MS = 60000;
const PLACES = "places";
const channel = "BroadcastChannel" in window ? new BroadcastChannel("courrier") : null;
let polling = 0;
let source = null;

function show(boxes) {
  for (const [id, box] of Object.entries(boxes)) {
    const link = document.querySelector(`.volet a:is([data-boite="${CSS.escape(id)}"], [data-compte="${CSS.escape(id)}"])`);
    if (link) count(link, box);
    if (link?.dataset.boite && link.hasAttribute("aria-current")) title(box);
  }
  document.querySelectorAll(".arbre .somme").forEach(add);
  document.dispatchEvent(new CustomEvent("dossiers", { detail: boxes }));
}

// A folded folder shows what is new in it and in all that it hides.
function add(place) {
  const counts = [...place.closest("li").querySelectorAll(".compte:not(.somme)")];
  place.firstChild.data = counts.reduce((sum, one) => sum + parseInt(one.textContent, 10), 0);
}

function count(link, box) {
  let place = link.querySelector(".compte:not(.somme)");
  if (!box.n) {
    place?.remove();
    return;
  }
  if (!place) {
    place = document.createElement("span");
    place.className = link.dataset.compte ? "compte calme" : "compte";
    link.querySelector(".somme") ? link.querySelector(".somme").before(place) : link.append(place);
  }
  const words = document.createElement("span");
  words.className = "vh";
  words.textContent = box.t;
  place.replaceChildren(`${box.n} `, words);
}

// The page that shows this folder: what is new in it, beside its name and in the window's title.
function title({ n, t, c }) {
  const beside = document.getElementById("nouveaux");
  if (beside) beside.textContent = n ? `${n.toLocaleString(document.documentElement.lang)} ${t}` : "";
  if (!document.body.classList.contains("annonces")) return;
  const plain = document.title.replace(/^\(\d+\) /, "");
  document.title = n && !c && document.getElementById("liste") ? `(${n}) ${plain}` : plain;
}

function tell(boxes) {
  show(boxes);
  channel?.postMessage(boxes);
}

async function ask() {
  if (document.visibilityState !== "visible") return;
  const answer = await fetch("/flux/etat", { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.ok) tell(await answer.json());
}

function poll() {
  polling ||= setInterval(ask, POLL_MS);
}

function listen() {
  return new Promise((done) => {
    source = new EventSource("/flux");
    source.addEventListener("dossiers", (event) => {
      const boxes = JSON.parse(event.data);
      if (texts.bureau) arrivals(boxes);
      tell(boxes);
    });
    source.addEventListener(PLACES, () => {
      renew();
      channel?.postMessage(PLACES);
    });
    source.addEventListener("session", () => {
      source.close();
      say(texts.session);
      document.dispatchEvent(new CustomEvent("session-finie"));
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) poll();
    });
    let opened = false;
    source.addEventListener("open", () => {
      if (opened) renew(); // folders may have come and gone while nobody listened
      opened = true;
      clearInterval(polling);
      polling = 0;
    });
    addEventListener("pagehide", () => {
      source.close();
      done();
    }, { once: true });
  });
}

function begin() {
  if (navigator.locks && channel && "EventSource" in window) navigator.locks.request("flux", listen);
  else poll();
}

channel?.addEventListener("message", (event) => {
  if (event.data === PLACES) {
    renew();
    return;
  }
  note(event.data);
  show(event.data);
});
addEventListener("pageshow", (event) => {
  if (event.persisted) begin();
});
if (document.querySelector(".volet")) begin();
