// The draft: first kept after two seconds of typing, then at most every ten, on leaving a field, and when the page is hidden.

const FIRST = 2000;
const LONGEST = 12_000;

export function keeping(desk) {
  const { form, texts } = desk;
  let dirty = false;
  let changes = 0;
  let last = 0;
  let wait = 10_000;
  let timer = 0;
  const tried = []; // what the last saves said, whether or not their answers were heard
  let hidden = -1; // what had changed when the page was last hidden: it is sent once
  let at = "";

  const place = () => `lettre ${desk.host.memory(desk)}`;
  const shown = () => {
    desk.editor?.write();
    return desk.field("texte").value;
  };

  // What a letter says, and to whom: two that differ in anything else are one.
  const said = (values) => values.map((one) => (one ?? "").replace(/\s+/g, " ").trim()).join("\n");
  const words = () => said([...["a", "cc", "cci", "objet"].map((name) => desk.field(name)?.value), shown()]);

  function trying() {
    tried.push(words());
    if (tried.length > 3) tried.shift();
  }

  // For a browser that dies between two saves; only this tab sees it, and logging out clears it.
  function remember() {
    const values = { cle: desk.field("cle").value };
    for (const name of ["a", "cc", "cci", "objet", "texte", "html"]) {
      if (desk.field(name)) values[name] = desk.field(name).value;
    }
    try {
      at = place();
      sessionStorage.setItem(at, JSON.stringify(values));
    } catch {
      // No room: the server has it within seconds.
    }
  }

  function forget() {
    sessionStorage.removeItem(at || place());
    at = "";
  }

  // What is left unsaid in an old page is found: in the form, or, where the server has a part of it, in that draft. A letter
  // that it has whole is no part of the next one; but who reloads the page means to go on with it.
  async function restore() {
    let found;
    try {
      found = JSON.parse(sessionStorage.getItem(place()));
    } catch {
      return;
    }
    const { cle, ...values } = found ?? {};
    const isShown = Object.entries(values).every(([name, value]) => desk.field(name)?.value === value);
    let draft = null;
    if (!isShown && cle && cle !== desk.field("cle").value) {
      form.inert = true; // until it is known what stands in it
      const seeking = import(form.dataset.retrouve).then(({ sought }) => sought(desk, cle, values)).catch(() => null);
      draft = await Promise.race([seeking, new Promise((done) => setTimeout(done, LONGEST))]); // a network may say nothing
      form.inert = false;
      if (desk.life.signal.aborted) return;
    }
    forget();
    if (isShown) return;
    if (draft) {
      if (!draft.isWhole) sessionStorage.setItem(`lettre ${draft.address}`, JSON.stringify(found));
      if (!draft.isWhole || performance.getEntriesByType("navigation")[0]?.type === "reload") desk.host.show(draft.address);
      return;
    }
    for (const [name, value] of Object.entries(values)) {
      if (desk.field(name)) {
        desk.field(name).value = value;
        desk.field(name).dispatchEvent(new Event("remplace"));
      }
    }
    desk.say(texts.retrouve);
    touched();
  }

  // Text that is not kept yet, or files on their way.
  function isDirty() {
    return dirty || made.coming > 0;
  }

  function touched() {
    dirty = true;
    changes += 1;
    remember();
    if (timer || desk.life.signal.aborted) return;
    const due = last ? Math.max(FIRST, last + wait - Date.now()) : FIRST;
    timer = setTimeout(save, due);
  }

  function adopt(answer) {
    desk.field("brouillon").value = answer.brouillon;
    desk.field("cle").value = answer.cle;
    desk.field("pieces").value = answer.pieces.length;
    wait = answer.attendre * 1000;
    last = Date.now();
    desk.say(answer.texte);
    forget();
    desk.one("jeter").hidden = false;
    if (answer.repris) taken();
    desk.host.kept(desk, answer);
    form.dispatchEvent(new CustomEvent("garde", { detail: answer }));
  }

  // Files of the message that is passed on are the draft's own now.
  function taken() {
    const offered = desk.one("reprises");
    const focused = offered?.contains(document.activeElement);
    offered?.remove();
    if (focused) form.querySelector("[data-choisir]").focus();
  }

  // The letter was posted whole, to be sent: what it said when `before` was counted needs no save of its own any more.
  function posted(before) {
    if (changes !== before) return;
    clearTimeout(timer);
    timer = 0;
    dirty = false;
  }

  async function send(more, options) {
    const before = changes;
    trying();
    const response = await desk.post(`${desk.base}/ecrire/garder`, more, options);
    const answer = await response.json();
    if (response.ok) {
      adopt(answer);
      if (changes === before) dirty = false;
      else touched();
      return true;
    }
    if (response.status === 409) return conflict(answer, more);
    desk.say(answer.texte);
    return false;
  }

  async function conflict(answer, more) {
    if (made.sending && !more.retirer) return false; // the letter as it stands is about to leave, beside the other version
    const theirs = said(["a", "cc", "cci", "objet", "texte"].map((name) => answer[`autre_${name}`]));
    if (answer.autre && (tried.includes(theirs) || theirs === words())) {
      // Ours, kept by the page as it was hidden: nobody was there to hear the answer.
      desk.field("brouillon").value = answer.autre;
      return send(more);
    }
    const choice = await asked(answer);
    if (choice === "autre" && answer.autre) {
      desk.leaving = true;
      forget();
      desk.host.show(`${desk.base}/ecrire/${answer.autre}`);
      return false;
    }
    desk.field("brouillon").value = answer.autre ?? "";
    if (!answer.autre) desk.field("cle").value = "";
    return send(more);
  }

  function asked(answer) {
    const dialog = desk.one("conflit");
    desk.one("conflit-texte").textContent = answer.texte;
    desk.one("conflit-mienne").textContent = shown();
    desk.one("conflit-autre").textContent = answer.autre_texte ?? "";
    for (const one of [dialog.querySelector("[value=autre]"), desk.one("conflit-comparer")]) one.hidden = !answer.autre;
    const both = dialog.querySelector(".deux-versions");
    both.hidden = true;
    desk.one("conflit-comparer").onclick = () => {
      both.hidden = false;
    };
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue || "mienne"), { once: true });
    });
  }

  function save(more = {}, options = {}) {
    clearTimeout(timer);
    timer = 0;
    return desk.after(async () => {
      if (desk.leaving || (made.sending && !more.retirer)) return true;
      try {
        return await send(more, options);
      } catch {
        desk.say(texts.hors);
        last = Date.now();
        touched();
        return false;
      }
    });
  }

  // Another form stands in this one's place: it keeps the letter from now on.
  desk.life.signal.addEventListener("abort", () => clearTimeout(timer));
  desk.listen(form, "input", (event) => {
    if (event.target.type !== "file" && !event.target.matches("[role=combobox]")) touched();
  });
  desk.listen(form, "change", (event) => {
    if (event.target.type !== "file" && !event.target.matches("[role=combobox]")) touched();
  });
  desk.listen(form, "focusout", (event) => {
    if (event.relatedTarget?.type === "submit") return; // what it posts is the whole letter
    if (dirty && last && Date.now() - last > FIRST) save();
  });
  desk.listen(document, "visibilitychange", () => {
    if (!document.hidden || !dirty || desk.leaving || hidden === changes) return;
    hidden = changes;
    save({}, { keepalive: true });
  });
  desk.listen(window, "pagehide", () => {
    if (!dirty || desk.leaving || hidden === changes) return;
    hidden = changes;
    trying();
    navigator.sendBeacon(`${desk.base}/ecrire/garder`, desk.post.fields());
  });
  desk.listen(window, "beforeunload", (event) => {
    if (isDirty() && !desk.leaving) event.preventDefault();
  });
  restore();

  const made = { save, adopt, touched, forget, isDirty, taken, posted, count: () => changes, coming: 0, failures: 0, sending: false };
  return made;
}
