// The way back to the list and the message that one came from.

import { kept, leave, store } from "./kept.js";

// Pages about the message that was open lead back to it beside its list.
function lead() {
  const found = kept();
  if (!found || document.getElementById("liste") || document.querySelector(".lire") || innerWidth < 960) return;
  for (const link of document.querySelectorAll(`a[href^="${CSS.escape(found.path)}"]`)) {
    if (link.pathname === found.path) link.href = `${found.list}#${found.id}`;
  }
}

// A letter that answered it has left, was put off or thrown away: back to the same list, with what is to be said.
function comeBack() {
  const found = kept();
  const said = new URLSearchParams(location.search);
  if (!found?.answering || !document.getElementById("liste")) return;
  store({ ...found, answering: false });
  const place = new URL(found.list, location.href);
  if (!["/m/", place.pathname].includes(location.pathname) || !said.has("fait")) return;
  for (const [name, value] of said) place.searchParams.set(name, value);
  location.replace(`${place.pathname}${place.search}#${found.id}`);
}

comeBack();
lead();
document.addEventListener("click", (event) => {
  if (!event.defaultPrevented && event.target.closest?.("#lecteur a[href^='/m/ecrire']")) leave();
});
document.addEventListener("submit", (event) => {
  if (event.target.matches?.("#lecteur .reponse-rapide")) leave();
});
