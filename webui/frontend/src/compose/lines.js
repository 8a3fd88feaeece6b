// Lines of the form that hold nothing are folded; a button shows them.

export function lines(desk) {
  const { form } = desk;

  function line(name) {
    return form.querySelector(`[data-ligne="${name}"]`);
  }

  function isNeeded(name) {
    const { value } = desk.field(name);
    return Boolean(value.trim() && name !== "objet") || Boolean(line(name).querySelector("[aria-invalid=true]"));
  }

  for (const button of form.querySelectorAll("[data-montre]")) {
    const folded = button.dataset.montre.split(" ").filter((name) => !isNeeded(name));
    for (const name of folded) line(name).hidden = true;
    button.hidden = !folded.length;
    button.addEventListener("click", () => {
      for (const name of folded) line(name).hidden = false;
      button.hidden = true;
      desk.one(folded[0]).focus();
    });
  }
}
