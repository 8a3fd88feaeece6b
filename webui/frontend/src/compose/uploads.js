// Files: one request each, with its progress and a way to stop it; chosen, dropped or pasted. Limits are said before.

import { hidden, icon } from "./icons.js";

const KINDS = { image: "image", audio: "file", video: "file", text: "file-text", application: "file-text" };

export function uploads(desk, saving) {
  const { form, texts } = desk;
  const list = desk.one("liste-pieces");
  const chooser = desk.one("piece");
  const button = form.querySelector("[data-choisir]");
  const limit = Number(form.dataset.limite);
  const { lang } = document.documentElement;
  let used = Number(form.dataset.occupe);
  let coming = 0;

  button.hidden = false;
  button.addEventListener("click", () => chooser.click());

  function size(octets) {
    const value = (octets / 1048576).toLocaleString(lang, { maximumFractionDigits: 1 });
    return `${value}\u00a0${lang === "fr" ? "Mo" : "MB"}`;
  }

  // One file: its icon, its name with a size or what is to be said of it, and a button.
  function row(name, kind, text, act, said = "") {
    const item = document.createElement("li");
    item.className = "joint";
    const shown = document.createElement("span");
    const small = document.createElement("small");
    small.textContent = said;
    shown.append(`${name} `, small);
    const made = document.createElement("button");
    Object.assign(made, { type: "button", className: "nu", title: text });
    made.append(icon(desk, "x", text), hidden(`${text} ${name}`));
    made.addEventListener("click", act);
    item.append(icon(desk, kind), shown, made);
    return item;
  }

  // What the draft holds, as the server last said; files on their way stay below.
  function draw(answer) {
    used = answer.occupe;
    desk.one("place").textContent = answer.place;
    for (const item of list.querySelectorAll("li:not([data-envoi])")) item.remove();
    const held = answer.pieces.map((one) => row(one.nom, "paperclip", texts.retirer, () => {
      saving.save({ retirer: one.numero }).then(() => button.focus());
      desk.announce(texts.retire.replace("{nom}", one.nom));
    }, one.taille));
    list.prepend(...held);
  }
  desk.listen(form, "garde", (event) => draw(event.detail));

  function refuse(item, text) {
    item.className = "joint refusee";
    item.querySelector("progress")?.remove();
    item.querySelector("button")?.remove();
    item.querySelector("span").textContent = text;
    item.setAttribute("role", "alert");
    setTimeout(() => item.remove(), 15_000);
  }

  // `placed` puts a picture of this `cid` into the text and reads it before anything else is kept: what no text names is
  // dropped, and the address of a draft is gone once it is kept anew.
  function add(file, cid = "", placed = async () => {}) {
    const request = { stopped: false, abort() { this.stopped = true; } };
    const item = row(file.name, KINDS[file.type.split("/")[0]] ?? "file", texts.arreter, () => request.abort());
    item.dataset.envoi = "1";
    list.append(item);
    if (used + coming + file.size > limit) {
      refuse(item, texts.trop.replace("{nom}", file.name).replace("{reste}", size(Math.max(0, limit - used - coming))));
      return Promise.resolve(false);
    }
    coming += file.size;
    saving.coming += 1;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", texts.envoi.replace("{nom}", file.name));
    item.append(bar);
    return desk.after(() => send(file, cid, item, bar, request, placed)).finally(() => {
      coming -= file.size;
      saving.coming -= 1;
    });
  }

  async function send(file, cid, item, bar, request, placed) {
    while (!request.stopped) {
      const { status, answer } = await upload(file, cid, bar, request);
      if (request.stopped) break;
      if (status === 401) {
        await desk.post.ask();
        continue;
      }
      if (status === 200) {
        item.remove();
        saving.adopt(answer);
        await placed();
        desk.announce(texts.joint.replace("{nom}", file.name));
        return true;
      }
      saving.failures += 1;
      refuse(item, answer?.texte ?? texts.echec.replace("{nom}", file.name));
      return false;
    }
    item.remove();
    return false;
  }

  function upload(file, cid, bar, request) {
    return new Promise((resolve) => {
      const data = new FormData();
      for (const name of ["m_", "cle", "brouillon"]) data.set(name, desk.field(name).value);
      if (cid) data.set("cid", cid);
      data.set("piece", file, file.name);
      const sent = new XMLHttpRequest();
      request.abort = () => {
        request.stopped = true;
        sent.abort();
      };
      sent.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        bar.value = event.loaded / event.total;
        bar.parentElement.querySelector("small").textContent =
          texts.sur.replace("{envoye}", size(event.loaded)).replace("{total}", size(event.total));
      });
      sent.addEventListener("loadend", () => {
        let answer = null;
        try {
          answer = JSON.parse(sent.responseText);
        } catch {
          // A page, or nothing: the status says enough.
        }
        resolve({ status: sent.status, answer });
      });
      sent.open("POST", `${desk.base}/ecrire/piece`);
      sent.send(data);
    });
  }
  saving.upload = add;

  desk.listen(chooser, "change", () => {
    for (const file of chooser.files) add(file);
    chooser.value = "";
  });
  desk.listen(form, "dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("depose");
  });
  for (const type of ["dragleave", "dragend", "drop"]) desk.listen(form, type, () => form.classList.remove("depose"));
  desk.listen(form, "drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    for (const file of event.dataTransfer.files) add(file);
  });
  desk.listen(form, "paste", (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length || event.defaultPrevented) return;
    event.preventDefault();
    for (const file of files) add(file);
  });
}
