// Files: one request each, with its progress and a way to cancel; chosen, dropped or pasted. Limits are said before.

export function uploads(desk, saving) {
  const { form, texts } = desk;
  const list = desk.one("liste-pieces");
  const chooser = desk.one("piece");
  const join = form.querySelector("button[value=joindre]");
  const limit = Number(form.dataset.limite);
  let used = Number(form.dataset.occupe);
  let coming = 0;

  join.hidden = true;

  function size(octets) {
    return `${(octets / 1048576).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 })}\u00a0${document.documentElement.lang === "fr" ? "Mo" : "MB"}`;
  }

  function row(name) {
    const item = document.createElement("li");
    const shown = document.createElement("span");
    shown.textContent = name;
    item.append(shown);
    list.append(item);
    return item;
  }

  function link(text, name, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "lien";
    button.textContent = text;
    const hidden = document.createElement("span");
    hidden.className = "vh";
    hidden.textContent = ` ${name}`;
    button.append(hidden);
    button.addEventListener("click", act);
    return button;
  }

  // What the draft holds, as the server last said; files on their way stay below.
  function draw(answer) {
    used = answer.occupe;
    desk.one("place").textContent = answer.place;
    for (const item of list.querySelectorAll("li:not([data-envoi])")) item.remove();
    answer.pieces.toReversed().forEach((one) => {
      const item = row(one.nom);
      const octets = document.createElement("span");
      octets.className = "fin";
      octets.textContent = one.taille;
      item.append(octets, link(texts.retirer, one.nom, () => {
        saving.save({ retirer: one.numero }).then(() => chooser.focus());
        desk.announce(texts.retire.replace("{nom}", one.nom));
      }));
      list.prepend(item);
    });
  }
  desk.listen(form, "garde", (event) => draw(event.detail));

  function refuse(item, text) {
    item.className = "refusee";
    item.querySelector("progress")?.remove();
    item.querySelector("button")?.remove();
    item.firstElementChild.textContent = text;
    item.setAttribute("role", "alert");
    setTimeout(() => item.remove(), 15_000);
  }

  function add(file, cid = "") {
    const item = row(file.name);
    item.dataset.envoi = "1";
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
    const request = { stopped: false, abort() { this.stopped = true; } };
    item.append(bar, link(texts.annuler, file.name, () => request.abort()));
    return desk.after(() => send(file, cid, item, bar, request)).finally(() => {
      coming -= file.size;
      saving.coming -= 1;
    });
  }

  async function send(file, cid, item, bar, request) {
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
        if (event.lengthComputable) bar.value = event.loaded / event.total;
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
