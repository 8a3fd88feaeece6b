// The editor of formatted letters: Squire, what comes in cleaned by DOMPurify (the server cleans again), and its bar.

import DOMPurify from "dompurify";
import Squire from "squire-rte";

// A page's policy lets no style attribute be parsed; styles that a script sets are the script's. So the attribute travels
// by another name, and becomes styles when the elements are there.
const STYLE = "data-style";
const TAGGED = /(<[a-z][^<>]*?[\s"'/])style(?=\s*=)/gi;
const ALLOWED = { FORBID_TAGS: ["style", "script", "form", "input", "button", "svg", "math", "iframe", "object", "video", "audio"],
  FORBID_ATTR: ["class", "id", "srcset", "background"], ADD_ATTR: ["data-cid", STYLE], ADD_URI_SAFE_ATTR: [STYLE], ALLOW_DATA_ATTR: false, RETURN_DOM_FRAGMENT: true,
  WHOLE_DOCUMENT: false };
const TOGGLES = {
  gras: ["b", "bold", "removeBold"],
  italique: ["i", "italic", "removeItalic"],
  souligne: ["u", "underline", "removeUnderline"],
  liste: ["ul", "makeUnorderedList", "removeList"],
  numeros: ["ol", "makeOrderedList", "removeList"],
  cite: ["blockquote", "increaseQuoteLevel", "decreaseQuoteLevel"],
};

function hide(html) {
  return html.replace(TAGGED, `$1${STYLE}`);
}

function dress(root) {
  for (const one of root.querySelectorAll(`[${STYLE}]`)) {
    one.style.cssText = one.getAttribute(STYLE);
    one.removeAttribute(STYLE);
  }
}

// As Squire would, which copies attributes one by one.
const RENAMED = { STRONG: "b", EM: "i", INS: "u", STRIKE: "s" };

function simplify(root) {
  for (const one of root.querySelectorAll(Object.keys(RENAMED).join())) {
    const same = document.createElement(RENAMED[one.tagName]);
    same.style.cssText = one.style.cssText;
    same.append(...one.childNodes);
    one.replaceWith(same);
  }
}

export function mount(desk, field, saving) {
  const { form, texts } = desk;
  const plain = desk.one("texte");
  const bar = desk.one("barre").content.firstElementChild.cloneNode(true);
  const root = document.createElement("div");
  Object.assign(root, { id: desk.id("editeur"), className: "editeur" });
  for (const [name, value] of Object.entries({ role: "textbox", "aria-multiline": "true", "aria-labelledby": desk.id("texte-nom"), spellcheck: "true" })) {
    root.setAttribute(name, value);
  }
  plain.hidden = true;
  plain.before(bar, root);
  form.classList.add("avec-editeur");
  const editor = new Squire(root, { blockTag: "DIV", sanitizeToDOMFragment: clean });
  // What is undone comes back as text: its styles as above, its pictures from the draft as it is now.
  const raw = editor._setRawHTML.bind(editor);
  editor._setRawHTML = (html) => {
    raw(hide(html).replace(/\/ecrire\/\d+\/image\?cid=/g, `/ecrire/${desk.field("brouillon").value}/image?cid=`));
    dress(root);
    return editor;
  };
  const marker = document.createElement("input");
  Object.assign(marker, { type: "hidden", name: "editeur", value: "1" });
  form.append(marker);
  editor.setHTML(field.value);
  if (plain.autofocus) {
    editor.moveCursorToStart();
    editor.focus();
  }

  function clean(html) {
    const fragment = DOMPurify.sanitize(hide(html), ALLOWED);
    dress(fragment);
    simplify(fragment);
    for (const image of fragment.querySelectorAll("img")) {
      const own = /\/ecrire\/\d+\/image\?cid=([^&"]+)/.exec(image.getAttribute("src") ?? "");
      if (own) image.dataset.cid = decodeURIComponent(own[1]);
      else image.remove();
    }
    return fragment;
  }

  // What the form posts: pictures by their names as parts.
  function write() {
    // In a document that loads nothing: no browser knows `cid:`.
    const copy = document.implementation.createHTMLDocument("").importNode(root, true);
    for (const image of copy.querySelectorAll("img[data-cid]")) {
      image.setAttribute("src", `cid:${image.dataset.cid}`);
      image.removeAttribute("data-cid");
    }
    field.value = copy.innerHTML;
    plain.value = root.innerText;
  }

  async function picture(file) {
    const cid = `${crypto.randomUUID()}@editeur`;
    const text = await ask(texts.alt, "text", "");
    if (text === null || !(await saving.upload(file, cid))) return;
    // The draft has it: there is no other way to show it under the page's policy.
    const address = `${desk.base}/ecrire/${desk.field("brouillon").value}/image?cid=${encodeURIComponent(cid)}`;
    editor.insertImage(address, { alt: text }).dataset.cid = cid;
    changed();
  }

  function choose() {
    const chooser = document.createElement("input");
    Object.assign(chooser, { type: "file", accept: "image/png,image/jpeg,image/gif,image/webp" });
    chooser.addEventListener("change", () => chooser.files[0] && picture(chooser.files[0]));
    chooser.click();
  }

  // One line asked over the page; null: it was closed.
  function ask(label, type, value) {
    const dialog = desk.one("question");
    const body = desk.one("question-corps");
    const box = document.createElement("form");
    box.method = "dialog";
    const title = document.createElement("h2");
    title.id = desk.id("question-titre");
    const named = document.createElement("label");
    named.htmlFor = desk.id("question-champ");
    named.textContent = title.textContent = label;
    title.className = "vh";
    const input = document.createElement("input");
    Object.assign(input, { id: desk.id("question-champ"), type, value, maxLength: 2000 });
    const yes = document.createElement("button");
    Object.assign(yes, { className: "principal", value: "ok", textContent: texts.valider });
    const no = document.createElement("button");
    Object.assign(no, { type: "button", textContent: texts.annuler });
    no.addEventListener("click", () => dialog.close(""));
    const row = document.createElement("div");
    row.className = "rang";
    row.append(yes, no);
    const line = document.createElement("div");
    line.className = "champ";
    line.append(named, input);
    box.append(title, line, row);
    body.replaceChildren(box);
    dialog.returnValue = "";
    dialog.showModal();
    input.focus();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok" ? input.value : null), { once: true });
    });
  }

  async function link() {
    if (editor.hasFormat("A")) return editor.removeLink();
    const range = editor.getSelection();
    const address = (await ask(texts.lien, "url", "https://"))?.trim();
    if (!address || !/^(https?|mailto|tel):/i.test(address)) return;
    editor.setSelection(range);
    editor.makeLink(address);
  }

  const actions = {
    lien: link,
    image: choose,
    efface: () => editor.removeAllFormatting(),
    defait: () => editor.undo(),
    refait: () => editor.redo(),
  };

  function act(name) {
    const toggle = TOGGLES[name];
    if (toggle) editor[editor.hasFormat(toggle[0]) ? toggle[2] : toggle[1]]();
    else actions[name]();
    state();
    changed();
  }

  function state() {
    for (const button of bar.querySelectorAll("[aria-pressed]")) {
      button.setAttribute("aria-pressed", String(editor.hasFormat(TOGGLES[button.dataset.commande][0])));
    }
  }

  function changed() {
    write();
    saving.touched();
  }

  // One tab stop; arrows, Home and End move within the bar (ARIA Authoring Practices, toolbar).
  const buttons = [...bar.querySelectorAll("button")];
  buttons[0].tabIndex = 0;
  bar.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    buttons.forEach((one) => (one.tabIndex = -1));
    const next = buttons[(to + buttons.length) % buttons.length];
    next.tabIndex = 0;
    next.focus();
  });
  bar.addEventListener("mousedown", (event) => event.preventDefault());
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) act(button.dataset.commande);
  });
  editor.addEventListener("input", changed);
  for (const type of ["pathChange", "select", "cursor"]) editor.addEventListener(type, state);
  editor.addEventListener("pasteImage", (event) => {
    const files = [...(event.detail?.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (files.length) {
      event.preventDefault();
      picture(files[0]);
    }
  });
  field.addEventListener("remplace", () => editor.setHTML(field.value));
  desk.one("texte-nom").addEventListener("click", () => editor.focus());
  return { write };
}
