// Comfort for the account pages: show a password, warn of Caps Lock, tick off while typing what a password or a code has to be.
// Nothing depends on it: without it every page works, and the server alone judges a password.

for (const button of document.querySelectorAll(".voir")) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
    button.querySelector("span").textContent = shown ? button.dataset.montrer : button.dataset.cacher;
    input.focus();
  });
  input.form.addEventListener("submit", () => { input.type = "password"; });
  const capitals = input.closest(".champ").querySelector(".majuscules");
  input.addEventListener("keyup", (event) => {
    const on = Boolean(event.getModifierState && event.getModifierState("CapsLock"));
    const text = on ? capitals.dataset.texte : "";
    if (capitals.textContent !== text) capitals.textContent = text;
  });
}

const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
const checks = {
  longueur: (text) => [...text].length >= 8,
  minuscule: (text) => /\p{Ll}/u.test(text),
  majuscule: (text) => /\p{Lu}/u.test(text),
  chiffre: (text) => /\p{Nd}/u.test(text),
  special: (text) => /[^\p{L}\p{Nd}\s]/u.test(text),
  force: hasEightyBits,
};

// As the server counts: what is repeated counts once.
function hasEightyBits(text) {
  const words = new Set((text.match(/\p{L}{2,}/gu) || []).map((word) => word.toLowerCase()));
  if (words.size >= 7) return true;
  const counted = text.replace(/(.{4,16}?)\1+|(.)\2{2,}|(.{2,3}?)\3{2,}/gsu, "$1$2$3");
  const kinds = [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{L}\p{Nd}]/u].filter((kind) => kind.test(text)).length;
  return [...counted].length >= ({ 4: 12, 3: 14 }[kinds] || Infinity);
}

for (const list of document.querySelectorAll("[data-pour]")) {
  const input = document.getElementById(list.dataset.pour);
  const count = document.getElementById("regles-compte");
  const own = (list.dataset.noms || "").split(" ").map(plain).filter((name) => name.length > 2);
  let timer = 0;
  let asking = 0;
  let asked = 0;

  // What only the server knows, such as its dictionary: asked when the typing pauses, and judged again when the form is
  // posted, where the person's own data count, too.
  async function verify() {
    const text = input.value;
    const number = (asked += 1);
    const body = new URLSearchParams({ m_: input.form.elements.m_.value, nouveau: text });
    let answer;
    try {
      const response = await fetch(list.dataset.verifier, { method: "POST", body });
      if (!response.ok) return;
      answer = await response.json();
    } catch {
      return; // the form is judged all the same
    }
    if (number !== asked || input.value !== text) return;
    for (const item of list.children) {
      const said = answer.regles?.[item.dataset.regle];
      if (said === undefined) continue;
      item.classList.toggle("oui", said === "");
      item.classList.toggle("non", said !== "");
      item.querySelector("b")?.remove();
      if (!said) continue;
      const why = document.createElement("b");
      why.textContent = ` – ${said}`;
      item.querySelector("span").append(why);
    }
  }

  input.addEventListener("input", () => {
    asked += 1;
    clearTimeout(asking);
    if (input.value) asking = setTimeout(verify, 400);
    let met = 0;
    let all = 0;
    for (const item of list.children) {
      const rule = item.dataset.regle;
      const test = rule === "personnel" ? (text) => !own.some((name) => plain(text).includes(name)) : checks[rule];
      if (!test) continue;
      const good = input.value !== "" && test(input.value);
      all += 1;
      met += good;
      item.classList.toggle("oui", good);
      item.classList.toggle("non", input.value !== "" && !good);
    }
    clearTimeout(timer);
    const text = input.value === "" ? "" : count.dataset.texte.replace("0", met).replace("9", all);
    timer = setTimeout(() => { if (count.textContent !== text) count.textContent = text; }, 700);
  });
}

// What a code, a number or a date looks like. It is ticked when it does and never called wrong: the server alone knows.
const squeezed = (text) => text.replace(/[^\p{L}\p{Nd}]/gu, "");
const forms = {
  numen: (text) => squeezed(text).length === 13,
  ine: (text) => squeezed(text).length === 11,
  code: (text) => squeezed(text).length === 16,
  six: (text) => /^\d{6}$/.test(squeezed(text)),
  date: isDate,
};

function isDate(text) {
  const typed = text.trim().replace(/^(\d{4})-(\d\d?)-(\d\d?)$/, "$3/$2/$1");
  const found = /^(\d\d?)(?:er)?[\s/.-]+(\d\d?|\p{L}{3,})[\s/.-]+(\d{4})$/u.exec(typed);
  if (!found) return false;
  const within = (number, least, most) => number >= least && number <= most;
  const isMonth = /^\p{L}/u.test(found[2]) || within(Number(found[2]), 1, 12);
  return within(Number(found[1]), 1, 31) && isMonth && within(Number(found[3]), 1900, new Date().getFullYear());
}

for (const list of document.querySelectorAll("[data-formes]")) {
  const input = document.getElementById(list.dataset.formes);
  const first = list.dataset.comme && document.getElementById(list.dataset.comme);
  const said = document.querySelector(`[data-dit="${input.id}"]`);
  let timer = 0;
  const judge = () => {
    let met = false;
    for (const item of list.children) {
      const good = first ? input.value !== "" && input.value === first.value : forms[item.dataset.forme](input.value);
      item.classList.toggle("oui", good);
      met ||= good;
    }
    clearTimeout(timer);
    const text = met ? said.dataset.texte : "";
    // Said once it holds, and not at every key.
    timer = setTimeout(() => { if (said.textContent !== text) said.textContent = text; }, 700);
  };
  input.addEventListener("input", judge);
  if (first) first.addEventListener("input", judge);
  if (input.value) judge();
}

// A password that is refused stays in its fields, to be mended: the answer's words are put around them.
for (const form of document.querySelectorAll("form[data-garder]")) {
  let busy = false;
  let again = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    again = busy;
    if (busy) return;
    busy = true;
    try {
      const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (response.redirected) {
        location.assign(response.url);
        return;
      }
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.querySelector("form[data-garder]");
      if (fresh) mend(form, fresh);
      else document.querySelector("main").replaceWith(page.querySelector("main"));
    } catch {
      notice(form, form.dataset.hors);
    } finally {
      busy = false;
      if (again) form.requestSubmit();
    }
  });
}

function notice(form, text) {
  let box = form.querySelector(".avis.erreur");
  if (!box) {
    box = document.createElement("div");
    box.className = "avis erreur";
    box.setAttribute("role", "alert");
    form.querySelector("h1, .champ").before(box);
  }
  const said = document.createElement("p");
  said.textContent = text;
  box.replaceChildren(said);
}

function mend(form, fresh) {
  const said = fresh.parentElement.querySelector(".avis.erreur p");
  if (said) notice(form, said.textContent);
  for (const field of fresh.querySelectorAll("input[type=hidden]")) form.elements[field.name].value = field.value;
  for (const field of fresh.querySelectorAll("input[type=password]")) {
    const here = form.elements[field.name];
    const fault = field.closest(".champ").querySelector(".faute");
    here.closest(".champ").querySelector(".faute")?.remove();
    for (const name of ["aria-invalid", "aria-describedby"]) {
      if (field.hasAttribute(name)) here.setAttribute(name, field.getAttribute(name));
      else here.removeAttribute(name);
    }
    if (fault) here.closest(".champ").append(fault);
  }
  for (const item of form.querySelectorAll("[data-regle]")) {
    const judged = fresh.querySelector(`[data-regle="${item.dataset.regle}"]`);
    if (!judged) continue;
    item.replaceChildren(...judged.childNodes);
    item.classList.toggle("non", judged.classList.contains("non"));
    if (judged.classList.contains("non")) item.classList.remove("oui");
  }
  form.querySelector("[aria-invalid]")?.focus();
}

// The QR code of a letter brings the one-time code behind `#`, which is sent to nobody.
const proof = document.getElementById("preuve");
if (proof && location.hash.length > 1) {
  proof.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search);
}
