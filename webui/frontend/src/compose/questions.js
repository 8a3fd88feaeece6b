// What a colleague would ask before a letter leaves, all at once below the text: its buttons are the form's own, so that what
// is typed meanwhile leaves, too.

export function asking(desk) {
  const place = desk.one("verifs");
  const list = place.querySelector("ul");
  const buttons = place.querySelector(".rang");
  let fields = [];

  function close() {
    place.hidden = true;
    buttons.replaceChildren();
  }

  // Where the first of them is put right.
  function correct() {
    close();
    const [name] = fields;
    if (name === "piece") return void desk.form.querySelector("[data-choisir]").focus();
    const line = desk.form.querySelector(`[data-ligne="${name}"]`);
    if (line?.hidden) desk.form.querySelector(`[data-montre~="${name}"]`)?.click();
    else desk.one(name)?.focus();
  }

  place.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    correct();
  });

  return {
    ask(question) {
      const said = [...question.querySelectorAll("li")];
      fields = said.map((one) => one.dataset.champ);
      list.replaceChildren(...said);
      const sent = question.querySelector("form");
      const back = document.createElement("button");
      Object.assign(back, { type: "button", className: "nu", textContent: sent.querySelector("a").textContent.trim() });
      back.addEventListener("click", correct);
      const answers = [...sent.querySelectorAll("button")];
      answers[0].className = "teinte";
      buttons.replaceChildren(...sent.querySelectorAll("[name=prevu], [name=confies]"), ...answers, back);
      place.hidden = false;
      place.focus();
      place.scrollIntoView({ block: "nearest" });
    },
    has: (button) => Boolean(button) && buttons.contains(button),
    close,
  };
}
