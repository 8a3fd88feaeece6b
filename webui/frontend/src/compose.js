// The form of a letter, upgraded: recipients as tokens, files with progress, text that is kept while one writes, a question
// over the page instead of a page, a session that is renewed in place. Everything here has a button that does it without.

import { guard } from "./compose/session.js";
import { keeping } from "./compose/saving.js";
import { tokens } from "./compose/tokens.js";
import { uploads } from "./compose/uploads.js";
import { sending } from "./compose/sending.js";

let current = null;

function begin() {
  current?.end();
  const form = document.querySelector("#lettre[data-base]");
  if (!form) return;
  const desk = {
    form,
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
    // By name alone: `form.elements` finds by id, too.
    field(name) {
      return form.querySelector(`[name="${name}"]`);
    },
    say(text) {
      form.querySelector("#etat").textContent = text;
    },
    announce(text) {
      document.querySelector("#annonces").textContent = text;
    },
    // What changes the draft goes one after the other: each answer names the draft that the next one replaces.
    after(work) {
      const done = this.queue.then(work, work);
      this.queue = done.catch(() => {});
      return done;
    },
  };
  current = desk;
  desk.post = guard(desk);
  document.documentElement.classList.add("avec-script");
  for (const name of ["a", "cc", "cci"]) tokens(desk, name);
  const saving = keeping(desk);
  uploads(desk, saving);
  sending(desk, saving, begin);
  const html = form.querySelector("textarea[name=html]");
  if (html && form.dataset.editeur) {
    import(form.dataset.editeur).then(({ mount }) => {
      if (!desk.life.signal.aborted) desk.editor = mount(desk, html, saving);
    });
  }
}

begin();
