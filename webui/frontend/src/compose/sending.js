// Sending: what a page would ask is asked below the text, once for all; what it would say of a fault is put into it.

import { asking } from "./questions.js";
import { waiting } from "./waiting.js";

export function sending(desk, saving) {
  const { form, host } = desk;
  const later = waiting(desk);
  const questions = asking(desk);

  desk.listen(form, "submit", (event) => {
    event.preventDefault();
    desk.editor?.write();
    if (!questions.has(event.submitter)) questions.close();
    event.submitter?.closest("[popover]")?.hidePopover();
    go(event.submitter, form.action, { faire: event.submitter?.value ?? "enregistrer" });
  });

  async function go(button, address, fields) {
    later.stop();
    if (button) button.disabled = true;
    form.setAttribute("aria-busy", "true");
    const failures = saving.failures;
    saving.sending = true;
    host.busy(true);
    try {
      await desk.after(async () => {
        // A file that was on its way when the button was pressed did not arrive: its author decides what then.
        if (saving.failures !== failures) return void regret(desk.texts.manque);
        const before = saving.count();
        return arrived(await desk.post(address, fields), before);
      });
    } catch (error) {
      // `fetch` fails so when nothing answers.
      if (error instanceof TypeError && !desk.life.signal.aborted) later.until(() => go(button, address, fields));
      else regret(desk.texts.hors);
    } finally {
      saving.sending = false;
      host.busy(false);
      form.removeAttribute("aria-busy");
      if (button) button.disabled = false;
    }
  }

  function regret(text) {
    host.reveal();
    desk.say(text);
  }

  // What was done leads elsewhere; else there is a question, or the form again with what is wrong said on it. Of any other
  // answer (the server is busy, or broken) nothing is shown in place of the letter: it stays, to be sent again.
  async function arrived(response, before) {
    if (response.redirected) {
      desk.leaving = true;
      saving.forget();
      return host.go(response);
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const question = page.querySelector("#verification");
    if (question) {
      saving.posted(before);
      const sent = question.querySelector("form");
      for (const name of ["brouillon", "cle", "pieces"]) desk.field(name).value = sent.elements[name].value;
      saving.taken();
      host.reveal();
      questions.ask(question);
    } else if (page.querySelector("#lettre")) {
      saving.forget();
      host.put(page);
    } else {
      saving.touched();
      regret(desk.texts.refus);
    }
  }
}
