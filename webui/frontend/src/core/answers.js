// htmx, and answers that failed: they never land in a pane. A session that ended leads to the page
// itself, where the server asks for the password; the rest is said.

import htmx from "htmx.org/dist/htmx.esm.js";
import { announce, say, texts } from "./said.js";

// No styles are carried from what is replaced to what replaces it: the policy refuses style attributes.
htmx.config.defaultSettleDelay = 0;
htmx.config.noSwap = [204, 304, "401", "403", "404", "409", "413", "429", "5xx"];

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
document.addEventListener("dire", (event) => say(...[event.detail].flat()));
document.addEventListener("annonce", announce);
