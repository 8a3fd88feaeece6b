// What the search field offers while one types: a combobox (WAI-ARIA) whose list the server makes.

const WAIT_MS = 150;
const form = document.querySelector(".quete[data-aide]");
const field = form.querySelector("[type=search]");
const box = document.createElement("div");
box.className = "aide-recherche";
box.hidden = true;
form.append(box);
for (const [name, value] of Object.entries({ role: "combobox", autocomplete: "off", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": "aide-liste" })) {
  field.setAttribute(name, value);
}

let timer = 0;
let asked = 0;
const options = () => [...box.querySelectorAll("[role=option]")];
const current = () => box.querySelector("[aria-selected=true]");

function close() {
  clearTimeout(timer);
  asked += 1;
  box.hidden = true;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

async function ask() {
  const mine = ++asked;
  const address = `${form.dataset.aide}?${new URLSearchParams({ q: field.value })}`;
  const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  if (mine !== asked || document.activeElement !== field || !answer?.ok || answer.redirected) return;
  const text = await answer.text();
  if (mine !== asked) return;
  box.innerHTML = text;
  box.hidden = !options().length;
  field.setAttribute("aria-expanded", String(!box.hidden));
  field.removeAttribute("aria-activedescendant");
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT_MS);
}

function step(by) {
  const all = options();
  const at = all.indexOf(current());
  current()?.setAttribute("aria-selected", "false");
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
  const option = all[next];
  if (!option) {
    field.removeAttribute("aria-activedescendant");
    return;
  }
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", option.id);
}

function take(option) {
  const { devient, mene, suite } = option.dataset;
  if (mene) {
    location.assign(mene);
    return;
  }
  field.value = devient;
  if (suite === undefined || /\w$/.test(devient)) form.requestSubmit();
  else ask();
}

field.addEventListener("input", soon);
field.addEventListener("focus", soon);
field.addEventListener("blur", close);
field.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (box.hidden) ask();
    else step(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && !box.hidden && current()) {
    event.preventDefault();
    take(current());
  } else if (event.key === "Escape" && !box.hidden) {
    event.preventDefault();
    event.stopPropagation();
    close();
  }
});
// The field keeps the focus while one presses.
box.addEventListener("pointerdown", (event) => event.preventDefault());
box.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) take(option);
});
soon();
