// Sending: what the page would ask is asked over it; what it would say of a fault is put into it.

export function sending(desk, saving, begin) {
  const { form } = desk;

  desk.listen(form, "submit", (event) => {
    const action = event.submitter?.value ?? "enregistrer";
    event.preventDefault();
    desk.editor?.write();
    go(action, event.submitter);
  });

  async function go(action, button) {
    if (button) button.disabled = true;
    form.setAttribute("aria-busy", "true");
    try {
      await desk.after(async () => {
        const response = await desk.post(form.action, { faire: action });
        await arrived(response);
      });
    } catch {
      desk.say(desk.texts.hors);
    } finally {
      form.removeAttribute("aria-busy");
      if (button) button.disabled = false;
    }
  }

  async function arrived(response) {
    if (response.redirected) {
      desk.leaving = true;
      saving.forget();
      const at = response.url.includes("/ecrire/") ? "" : "#annonce";
      location.assign(response.url + at);
      return;
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const question = page.querySelector("#verification");
    if (question) ask(question);
    else replace(page);
  }

  function ask(question) {
    const dialog = document.querySelector("#question");
    const body = dialog.querySelector("#question-corps");
    body.replaceChildren(...question.childNodes);
    const sent = body.querySelector("form");
    desk.field("brouillon").value = sent.getAttribute("action").match(/\/(\d+)\/envoyer$/)[1];
    sent.addEventListener("submit", () => {
      desk.leaving = true;
      saving.forget();
    });
    body.querySelector("[data-revenir]").addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
    });
    dialog.showModal();
    body.querySelector("button.principal").focus();
  }

  // The same page with what is wrong said on it: put in place of ours, so that nothing flickers and the focus is on it.
  function replace(page) {
    const here = document.querySelector("main");
    const fresh = page.querySelector("main");
    if (!fresh?.querySelector("#lettre")) {
      desk.leaving = true;
      document.documentElement.replaceChildren(...page.documentElement.childNodes);
      return;
    }
    saving.forget();
    here.replaceChildren(...fresh.childNodes);
    begin();
    here.querySelector("#faute, #precisions")?.focus();
  }
}
