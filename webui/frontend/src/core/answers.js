// What is said of answers that failed. A session that ended leads to the page itself, where the server asks for the
// password.

import { announce, say, texts } from "./said.js";

document.addEventListener("refus", ({ detail: { status, method, address } }) => {
  if (status === 401) location.assign(method === "GET" ? address : location.href);
  else if (status === 409) say(texts.modifie);
  else if (status === 429) say(texts.trop);
  else if (status === 403 || status === 404) say(texts.parti);
  else say(texts.panne);
});
document.addEventListener("sans-reponse", () => say(texts.reseau));
document.addEventListener("dire", (event) => say(...[event.detail].flat()));
document.addEventListener("annonce", announce);

// The page's other modules count on this one.
document.documentElement.dataset.script = "";
