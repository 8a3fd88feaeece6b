// The service worker: pages without a network. Whatever can be had from the server comes from the server; copies of the last
// lists and letters stand in for it only while nothing can be had. `self.BUILD` is written above this by the server.

import { forget, kept, keep, follow } from "./worker/kept.js";
import "./worker/push.js";
import { shown, without } from "./worker/shown.js";

const { name, shell, pages } = self.BUILD;
const FILES = `files ${name}`;
const LANGUAGES = ["fr", "en"];

// What may be read later: lists, letters and their formatted text, the weeks of the agenda.
const READABLE = /^\/(?:[sm]\/(?:(?:dossier|message|corps)\/\d+)?|(?:s\/)?agenda(?:\/(?:semaine|jour|mois|liste)\/[\d-]+)?)$/;
// What is a page: never files, exports or streams, which the browser fetches by itself.
const PAGE = /^\/(?:|[sm]\/(?:(?:dossier|message|corps)\/\d+|ecrire(?:\/\d+)?|recherche|dossiers|envois|listes|contacts|reglages(?:\/\w+)?)?|(?:s\/)?agenda(?:\/(?:semaine|jour|mois|liste)\/[\d-]+)?|contacts|compte)$/;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil((async () => {
    const files = await caches.open(FILES);
    await files.addAll([...shell, ...LANGUAGES.map((code) => pages + code)]);
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const one of await caches.keys()) {
      if (one.startsWith("files ") && one !== FILES) await caches.delete(one);
    }
    await self.registration.navigationPreload?.enable();
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin) return;
  if (request.method !== "GET") {
    // Also where no script of a page could: the simplified interface has none.
    if (url.pathname === "/deconnexion") event.waitUntil(forget());
    return;
  }
  if (request.headers.has("range")) return;
  if (url.pathname.startsWith("/static/dist/")) event.respondWith(file(request));
  else if (PAGE.test(url.pathname) && (request.mode === "navigate" || isPart(request))) event.respondWith(page(event, url));
});

function isPart(request) {
  return request.headers.get("hx-request-type") === "partial";
}

// Named by their content: a copy is as good as the file.
async function file(request) {
  const files = await caches.open(FILES);
  const copy = await files.match(request.url);
  if (copy) return copy;
  const response = await fetch(request);
  if (response.status === 200) await files.put(request.url, response.clone());
  return response;
}

async function page(event, url) {
  const key = `${isPart(event.request) ? "part" : "page"} ${url.pathname}${url.search}`;
  let response;
  try {
    response = (await event.preloadResponse) ?? (await fetch(event.request));
  } catch (error) {
    const copy = await kept(key);
    if (copy) return shown(copy);
    if (event.request.mode !== "navigate") throw error;
    return without(await caches.open(FILES), pages);
  }
  const copy = READABLE.test(url.pathname) && response.status === 200 ? response.clone() : null;
  event.waitUntil(copy ? keep(key, copy) : follow(response));
  return response;
}
