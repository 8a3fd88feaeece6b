// The form of a letter, upgraded: recipients as tokens, files with progress, text that is kept while one writes, a question
// over the page instead of a page, a session that is renewed in place. Everything here has a button that does it without.
//
// `begin` takes a form where it stands, its host: the page below, or one of the panels (panels.js). A host has `root`, where
// the form's ids are found, each ending in `suffix`; `headers` of its requests; and what becomes of a letter there:
// `memory` (under which name the tab remembers its text), `kept` (as which draft), `show` (another address), `warn` (a
// notice above it), `go` (what was done led elsewhere), `put` (the form again, with what is wrong), `busy` (it is being sent,
// or no more), `reveal` (its author has something to see here).

import { guard } from "./compose/session.js";
import { lines } from "./compose/lines.js";
import { keeping } from "./compose/saving.js";
import { tokens } from "./compose/tokens.js";
import { uploads } from "./compose/uploads.js";
import { sending } from "./compose/sending.js";
import { signing } from "./compose/signing.js";

export function begin(form, host) {
  const desk = {
    form,
    host,
    base: form.dataset.base,
    texts: JSON.parse(form.dataset.textes),
    life: new AbortController(),
    editor: null,
    leaving: false,
    queue: Promise.resolve(),
    end() {
      this.life.abort();
    },
    listen(target, type, act, options = {}) {
      target.addEventListener(type, act, { signal: this.life.signal, ...options });
    },
    id(name) {
      return name + host.suffix;
    },
    one(name) {
      return host.root.querySelector(`[id="${name}${host.suffix}"]`);
    },
    // By name alone: `form.elements` finds by id, too.
    field(name) {
      return form.querySelector(`[name="${name}"]`);
    },
    say(text) {
      this.one("etat").textContent = text;
    },
    announce(text) {
      this.one("annonces").textContent = text;
    },
    // What changes the draft goes one after the other: each answer names the draft that the next one replaces.
    after(work) {
      const done = this.queue.then(work, work);
      this.queue = done.catch(() => {});
      return done;
    },
  };
  desk.post = guard(desk);
  document.documentElement.classList.add("avec-script");
  for (const name of ["a", "cc", "cci"]) tokens(desk, name);
  lines(desk);
  desk.saving = keeping(desk);
  uploads(desk, desk.saving);
  sending(desk, desk.saving);
  signing(desk);
  desk.field("langue").addEventListener("change", ({ target }) => {
    for (const one of form.querySelectorAll(".corps-lettre [lang]")) one.lang = target.value;
  });
  const html = form.querySelector("textarea[name=html]");
  if (html && form.dataset.editeur) {
    const plain = desk.one("texte");
    plain.readOnly = true; // what is typed before the editor stands there would not be in it
    import(form.dataset.editeur)
      .then(async ({ dressed, mount }) => {
        await dressed(form.dataset.editeurStyle);
        if (!desk.life.signal.aborted) desk.editor = mount(desk, html, desk.saving);
      })
      .catch(() => { plain.readOnly = false; }); // without the editor the plain field is the letter
  }
  return desk;
}

let current = null;

const page = {
  root: document,
  suffix: "",
  headers: {},
  memory: () => `${location.pathname}${location.search}`,
  kept(desk, answer) {
    history.replaceState(history.state, "", `${desk.base}/ecrire/${answer.brouillon}`);
  },
  show(address) {
    location.assign(address);
  },
  warn(box) {
    current.form.before(box);
  },
  busy() {},
  reveal() {},
  go(response) {
    location.assign(response.url + (response.url.includes("/ecrire/") ? "" : "#annonce"));
  },
  // Put in place of ours, so that nothing flickers and the focus is on it.
  put(answer) {
    const here = document.querySelector("main");
    here.replaceChildren(...answer.querySelector("main").childNodes);
    start();
    here.querySelector("#faute, #precisions")?.focus();
  },
};

function start() {
  current?.end();
  const form = document.querySelector("#lettre[data-base]");
  if (form) current = begin(form, page);
}

start();
