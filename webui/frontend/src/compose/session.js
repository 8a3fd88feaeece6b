// Requests of the form, and a session that ends meanwhile: the password is asked over the text, then the request goes again.

const LOOK = 60_000;
const SOON = 120;

let asking = null; // once for all letters of a page: they share the session

export function guard(desk) {
  const dialog = desk.one("session");

  // The form's fields, without its files and buttons.
  function fields(more = {}) {
    desk.editor?.write();
    const data = new FormData(desk.form);
    data.delete("piece");
    for (const [name, value] of Object.entries(more)) data.set(name, value);
    return data;
  }

  function ask() {
    asking ??= new Promise((resolve) => {
      const password = desk.one("session-mdp");
      const code = desk.one("session-code");
      const fault = desk.one("session-faute");
      const before = document.activeElement;
      const submit = async (event) => {
        event.preventDefault();
        const body = new FormData();
        body.set("m_", desk.field("m_").value);
        body.set("mot_de_passe", password.value);
        body.set("code", code.value);
        let answer = {};
        try {
          const response = await fetch("/session/renouveler", { method: "POST", body: new URLSearchParams(body) });
          answer = await response.json();
        } catch {
          answer = { texte: desk.texts.hors };
        }
        if (answer.marque) {
          for (const one of document.querySelectorAll("input[name=m_]")) one.value = answer.marque;
          password.value = code.value = fault.textContent = "";
          dialog.removeEventListener("submit", submit);
          dialog.close();
          before?.focus();
          asking = null;
          resolve();
          return;
        }
        fault.textContent = answer.texte ?? "";
        if (answer.code) {
          desk.one("session-code-champ").hidden = false;
          code.focus();
        } else password.select();
      };
      dialog.addEventListener("submit", submit);
      dialog.showModal();
      password.focus();
    });
    return asking;
  }
  // The text stays behind it whatever happens: there is nothing to cancel.
  desk.listen(dialog, "cancel", (event) => event.preventDefault());

  async function look() {
    if (document.hidden || asking) return;
    let left;
    try {
      left = (await (await fetch("/session/etat")).json()).reste;
    } catch {
      return;
    }
    const warning = document.querySelector("#bientot");
    if (left === 0) ask();
    else if (left < SOON && !warning) warn();
    else if (left >= SOON) warning?.remove();
  }

  function warn() {
    const box = document.createElement("div");
    box.id = "bientot";
    box.className = "avis attention";
    box.setAttribute("role", "alert");
    const text = document.createElement("p");
    text.textContent = desk.texts.bientot;
    const more = document.createElement("button");
    more.type = "button";
    more.textContent = desk.texts.rester;
    more.addEventListener("click", async () => {
      await fetch(`${desk.base}/destinataires?q=`);
      box.remove();
    });
    box.append(text, more);
    desk.host.warn(box);
  }
  const timer = setInterval(look, LOOK);
  desk.life.signal.addEventListener("abort", () => clearInterval(timer));
  desk.listen(document, "visibilitychange", look);

  // POST the form (or other data); a session that has ended is renewed first.
  async function post(path, more = {}, options = {}) {
    for (;;) {
      const body = more instanceof FormData ? more : fields(more);
      body.set("m_", desk.field("m_").value);
      const response = await fetch(path, { method: "POST", body, headers: desk.host.headers, ...options });
      if (response.status !== 401) return response;
      await ask();
    }
  }
  post.fields = fields;
  post.ask = ask;
  return post;
}
