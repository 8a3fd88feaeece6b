// Sending: what the page would ask is asked over it; what it would say of a fault is put into it.

export function sending(desk, saving) {
  const { form, host } = desk;

  desk.listen(form, "submit", (event) => {
    event.preventDefault();
    desk.editor?.write();
    go(event.submitter, form.action, { faire: event.submitter?.value ?? "enregistrer" });
  });

  async function go(button, address, fields) {
    if (button) button.disabled = true;
    form.setAttribute("aria-busy", "true");
    try {
      await desk.after(async () => arrived(await desk.post(address, fields)));
    } catch {
      desk.say(desk.texts.hors);
    } finally {
      form.removeAttribute("aria-busy");
      if (button) button.disabled = false;
    }
  }

  // What was done leads elsewhere; else there is a question, or the form again with what is wrong said on it.
  async function arrived(response) {
    if (response.redirected) {
      desk.leaving = true;
      saving.forget();
      host.go(response);
      return;
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const question = page.querySelector("#verification");
    if (question) ask(question);
    else {
      saving.forget();
      if (!host.put(page)) desk.leaving = true;
    }
  }

  function ask(question) {
    const dialog = desk.one("question");
    const body = desk.one("question-corps");
    for (const one of question.querySelectorAll("[id]")) one.id = desk.id(one.id);
    body.replaceChildren(...question.childNodes);
    const sent = body.querySelector("form");
    desk.field("brouillon").value = sent.getAttribute("action").match(/\/(\d+)\/envoyer$/)[1];
    sent.addEventListener("submit", (event) => {
      event.preventDefault();
      dialog.close();
      go(event.submitter, sent.action, new FormData(sent, event.submitter));
    });
    body.querySelector("[data-revenir]").addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
    });
    dialog.showModal();
    body.querySelector("button.principal").focus();
  }
}
