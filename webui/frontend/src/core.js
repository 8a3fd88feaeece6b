// What every page of the complete interface loads: htmx, and what becomes of answers that are no content.
//
// An answer that failed never lands in a pane (WEBUI.md section 3.1): a session that ended leads to the page
// itself, where the server asks for the password; a page that became stale is fetched again; the rest is said.

import htmx from "htmx.org/dist/htmx.esm.js";
import { tinykeys } from "tinykeys";

htmx.config.noSwap = [204, 304, "401", "403", "404", "409", "413", "429", "5xx"];
htmx.config.includeIndicatorCSS = false;

const texts = document.querySelector("[data-textes]")?.dataset ?? {};

// Say something in the page's polite region; it stays until the next thing is said.
export function say(text) {
  const place = document.getElementById("dit");
  if (!place || !text) return;
  place.textContent = text;
}

function answered(event) {
  const { response, request } = event.detail.ctx;
  const status = response.status;
  if (status < 400 || status === 422) return;
  if (status === 401) location.assign(request.method === "GET" ? request.action : location.href);
  else if (status === 409) say(texts.modifie);
  else if (status === 429) say(texts.trop);
  else if (status === 403 || status === 404) say(texts.parti);
  else say(texts.panne);
}

document.addEventListener("htmx:response:error", answered);
document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx) say(texts.reseau);
});
document.addEventListener("dire", (event) => say(event.detail));

// Single letters are for lists and readers, not for whoever types (WCAG 2.1.4).
export function isTyping(event) {
  return Boolean(event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]"));
}

tinykeys(window, {
  "/": (event) => {
    const field = document.querySelector(".quete [type=search]");
    if (isTyping(event) || !field) return;
    event.preventDefault();
    field.focus();
  },
});
