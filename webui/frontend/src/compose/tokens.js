// A recipients' field as tokens and a combobox (ARIA Authoring Practices): the field itself goes on, hidden, as the form's.

import { icon } from "./icons.js";

const PAUSE = 150;
const SHORTEST = 2;
const PIECES = /((?:[^",;\n]+|"[^"]*"?)+)/g;
const ADDRESS = /<([^<>\s]+)>\s*$/;

export function tokens(desk, name) {
  const { texts } = desk;
  const field = desk.field(name);
  const id = desk.id(name);
  const label = desk.form.querySelector(`label[for="${id}"]`);
  const box = element("div", "jetons");
  const list = element("ul");
  const input = element("input");
  const options = element("ul", "propositions");
  let chosen = -1;
  let asked = null;
  let timer = 0;

  label.id = `${id}-nom`;
  field.removeAttribute("id");
  field.type = "hidden";
  Object.assign(input, { id, type: "text", autocomplete: "off", spellcheck: false, maxLength: 60000 });
  set(input, { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": `${id}-liste`,
    autocapitalize: "none" });
  for (const one of ["aria-invalid", "aria-describedby"]) {
    if (field.hasAttribute(one)) input.setAttribute(one, field.getAttribute(one));
  }
  set(options, { id: `${id}-liste`, role: "listbox", "aria-labelledby": label.id });
  set(list, { role: "list", "aria-labelledby": label.id });
  options.hidden = true;
  list.hidden = true;
  box.append(list, input);
  field.before(box);
  box.after(options);
  if (field.autofocus) input.focus();

  function tokensNow() {
    return [...list.children];
  }

  function write() {
    field.value = tokensNow().map((one) => one.dataset.value).join(", ");
    list.hidden = !list.children.length;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function add(value, outside) {
    const text = value.trim();
    if (!text) return;
    const address = (ADDRESS.exec(text)?.[1] ?? text).toLowerCase();
    if (tokensNow().some((one) => one.dataset.address === address)) return;
    const token = element("li", "jeton");
    token.dataset.value = text;
    token.dataset.address = address;
    const shown = element("span");
    shown.textContent = text.replace(ADDRESS, "").replaceAll('"', "").trim() || address;
    shown.title = text;
    token.append(shown);
    if (outside ?? isOutside(address)) {
      token.classList.add("externe");
      const mark = element("em");
      mark.textContent = texts.externe;
      token.append(mark);
    }
    const remove = element("button");
    remove.type = "button";
    remove.tabIndex = -1;
    remove.append(icon(desk, "x", "×"));
    remove.setAttribute("aria-label", `${texts.retirer} ${shown.textContent}`);
    remove.addEventListener("click", () => drop(token));
    token.append(remove);
    list.append(token);
  }

  function isOutside(address) {
    const domain = address.split("@")[1];
    return Boolean(domain) && domain !== desk.form.dataset.domaine;
  }

  function drop(token) {
    const next = (token.nextElementSibling ?? token.previousElementSibling)?.querySelector("button");
    token.remove();
    write();
    (next ?? input).focus();
    desk.announce(`${texts.retire.replace("{nom}", token.dataset.value)}, ${count()}`);
  }

  function count() {
    const n = list.children.length;
    return n === 0 ? texts.compte0 : n === 1 ? texts.compte1 : texts.compte.replace("{n}", n);
  }

  function commit() {
    const pieces = input.value.match(PIECES) ?? [];
    if (!pieces.length) return false;
    pieces.forEach((one) => add(one));
    input.value = "";
    write();
    close();
    desk.announce(count());
    return true;
  }

  // ------------------------------------------------------------------ suggestions

  function close() {
    clearTimeout(timer);
    asked?.abort();
    options.hidden = true;
    options.replaceChildren();
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  async function ask() {
    asked?.abort();
    asked = new AbortController();
    try {
      const query = new URLSearchParams({ ...desk.query, q: input.value.trim() });
      const response = await fetch(`${desk.base}/destinataires?${query}`, { signal: asked.signal });
      if (response.ok && response.headers.get("content-type")?.includes("json")) show(await response.json());
    } catch {
      // Another letter was typed, or there is no network: what is typed stays.
    }
  }

  function show(answer) {
    close();
    answer.resultats.forEach((one, place) => {
      const option = element("li");
      set(option, { role: "option", id: `${id}-option-${place}`, "aria-selected": "false" });
      option.append(span("", one.nom), span("fin", [one.adresse, one.quoi].filter(Boolean).join(" – ")));
      if (one.externe) {
        const mark = element("em");
        mark.textContent = texts.externe;
        option.append(mark);
      }
      option.addEventListener("mousedown", (event) => event.preventDefault());
      option.addEventListener("click", () => take(one));
      option.suggestion = one;
      options.append(option);
    });
    options.hidden = !answer.resultats.length;
    input.setAttribute("aria-expanded", String(!options.hidden));
    desk.announce(answer.annonce);
  }

  function take(one) {
    (one.valeur.match(PIECES) ?? []).forEach((piece) => add(piece, one.externe));
    input.value = "";
    write();
    close();
    input.focus();
    desk.announce(count());
  }

  function mark(place) {
    const all = [...options.children];
    all[chosen]?.setAttribute("aria-selected", "false");
    chosen = (place + all.length) % all.length;
    all[chosen].setAttribute("aria-selected", "true");
    all[chosen].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", all[chosen].id);
  }

  // ------------------------------------------------------------------ keys

  input.addEventListener("input", () => {
    if (/[,;\n]/.test(input.value.replace(/"[^"]*"?/g, ""))) return void commit();
    clearTimeout(timer);
    if (input.value.trim().length < SHORTEST) close();
    else timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    const open = !options.hidden;
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp":
        if (!open) return;
        mark(event.key === "ArrowDown" ? chosen + 1 : chosen < 0 ? -1 : chosen - 1);
        break;
      case "Enter":
        if (open && chosen >= 0) take(options.children[chosen].suggestion);
        else commit();
        break;
      case "Escape":
        if (!open) return;
        close();
        break;
      case "Backspace":
      case "ArrowLeft":
        if (input.selectionStart !== 0 || input.selectionEnd !== 0 || !list.children.length) return;
        list.lastElementChild.querySelector("button").focus();
        break;
      default:
        return;
    }
    event.preventDefault();
  });
  list.addEventListener("keydown", (event) => {
    const token = event.target.closest(".jeton");
    const to = { ArrowLeft: token.previousElementSibling, ArrowRight: token.nextElementSibling }[event.key];
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      (to?.querySelector("button") ?? (event.key === "ArrowRight" ? input : event.target)).focus();
    } else if (event.key === "Backspace" || event.key === "Delete") drop(token);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", () => {
    commit();
    close();
  });
  box.addEventListener("click", (event) => {
    if (event.target === box) input.focus();
  });
  field.addEventListener("remplace", fill);

  function fill() {
    list.replaceChildren();
    (field.value.match(PIECES) ?? []).forEach((one) => add(one));
    list.hidden = !list.children.length;
  }
  fill();
}

function element(tag, kind = "") {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  return made;
}

function span(kind, text) {
  const made = element("span", kind);
  made.textContent = text;
  return made;
}

function set(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, value);
}
