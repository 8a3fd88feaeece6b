// Comfort for the account pages: show a password, warn of Caps Lock, tick off the password's rules while typing.
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
  input.addEventListener("input", () => {
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
    timer = setTimeout(() => { count.textContent = count.dataset.texte.replace("0", met).replace("9", all); }, 700);
  });
}

// The QR code of a letter brings the one-time code behind `#`, which is sent to nobody.
const proof = document.getElementById("preuve");
if (proof && location.hash.length > 1) {
  proof.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search);
}
