// The editor of formatted letters: Squire, with bars, tables, links and pictures of ours (editor/).

import Squire from "squire-rte";

import { STYLE, clean, dress, hide } from "./editor/clean.js";
import { links } from "./editor/links.js";
import { pictures } from "./editor/pictures.js";
import { tables } from "./editor/tables.js";
import { toolbar } from "./editor/toolbar.js";

export { dressed } from "./core/sheets.js";

const TOGGLES = {
  gras: ["b", "bold", "removeBold"],
  italique: ["i", "italic", "removeItalic"],
  souligne: ["u", "underline", "removeUnderline"],
  barre: ["s", "strikethrough", "removeStrikethrough"],
  liste: ["ul", "makeUnorderedList", "removeList"],
  numeros: ["ol", "makeOrderedList", "removeList"],
  cite: ["blockquote", "increaseQuoteLevel", "decreaseQuoteLevel"],
};
// Of a letter, which most people read on white paper.
const COLOURS = { rouge: "#a3191c", brun: "#8a4b14", vert: "#1b6b45", bleu: "#1c4f8f", violet: "#6a3d9a", gris: "#4f5868" };

const narrow = matchMedia("(max-width: 59.99rem)");

export function mount(desk, field, saving) {
  const { form } = desk;
  const plain = desk.one("texte");
  const bars = desk.one("barre").content.cloneNode(true);
  const [bar, more] = bars.querySelectorAll("[role=toolbar]");
  const menus = [...bars.querySelectorAll("[popover]")];
  const root = document.createElement("div");
  Object.assign(root, { id: desk.id("editeur"), className: "editeur", lang: plain.lang });
  for (const [name, value] of Object.entries({ role: "textbox", "aria-multiline": "true", "aria-labelledby": desk.id("texte-nom"), spellcheck: "true" })) {
    root.setAttribute(name, value);
  }
  plain.hidden = true;
  plain.before(root);
  form.querySelector(".mise .trait").after(bar);
  form.querySelector(".mise").before(more, ...menus);
  if (narrow.matches) more.hidden = true;
  form.classList.add("avec-editeur");
  const editor = new Squire(root, { blockTag: "DIV", sanitizeToDOMFragment: clean });
  editor._imageResizer.destroy(); // its handles want style attributes; ours is a dialog
  // What is undone comes back as text: its styles as in clean.js, its pictures from the draft as it is now.
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

  // A dialog over the letter; what its button says, empty when it was closed.
  function ask(name, first) {
    const dialog = desk.one(name);
    dialog.returnValue = "";
    dialog.showModal();
    first.select();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
    }).finally(() => editor.focus());
  }

  // A style of the text that is chosen, or of what is typed next.
  function style(kind, css) {
    const before = { tag: "SPAN", attributes: { class: kind } };
    editor.changeFormat(css && { tag: "SPAN", attributes: { class: kind, [STYLE]: css } }, before);
    dress(root);
  }

  const table = tables(editor, root);
  const link = links(desk, editor, root, ask);
  const actions = {
    lien: link,
    image: pictures(desk, editor, root, saving, ask),
    efface: () => editor.removeAllFormatting(),
    defait: () => editor.undo(),
    refait: () => editor.redo(),
    couleur: (name) => style("color", COLOURS[name] && `color:${COLOURS[name]}`),
    taille: (size) => style("size", size && `font-size:${size}`),
    alignement: (side) => editor.setTextAlignment(side),
    tableau: (size) => table.insert(...size.split("x").map(Number)),
  };

  async function act(name) {
    const [kind, value] = name.split(":");
    const toggle = TOGGLES[name];
    if (toggle) editor[editor.hasFormat(toggle[0]) ? toggle[2] : toggle[1]]();
    else if (value === "plus" || value === "moins") table.change(name);
    else await actions[kind](value);
    state();
    changed();
  }

  function state() {
    for (const button of form.querySelectorAll("[data-commande][aria-pressed]")) {
      button.setAttribute("aria-pressed", String(editor.hasFormat(TOGGLES[button.dataset.commande][0])));
    }
  }

  function changed() {
    write();
    saving.touched();
  }

  const toBar = toolbar(bar, () => editor.focus());
  toolbar(more, () => editor.focus());
  const unfold = bar.querySelector("[data-plus]");
  unfold.setAttribute("aria-expanded", String(!more.hidden));
  unfold.addEventListener("click", () => {
    more.hidden = !more.hidden;
    unfold.setAttribute("aria-expanded", String(!more.hidden));
  });
  for (const one of [bar, more, ...menus]) {
    one.addEventListener("click", (event) => {
      const button = event.target.closest("[data-commande]");
      if (!button) return;
      button.closest("[popover]")?.hidePopover();
      act(button.dataset.commande);
    });
  }
  for (const menu of menus) {
    menu.addEventListener("beforetoggle", (event) => {
      if (event.newState !== "open") return;
      const inside = table.isInside();
      for (const one of menu.querySelectorAll("[data-commande^=tableau],[data-commande^=ligne],[data-commande^=colonne]")) {
        one.disabled = /:\d/.test(one.dataset.commande) === inside;
      }
    });
  }
  root.addEventListener("keydown", (event) => {
    if (event.key === "F10" && event.altKey) toBar();
    else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) act("lien");
    else return;
    event.preventDefault();
  });
  editor.addEventListener("input", changed);
  for (const type of ["pathChange", "select", "cursor"]) editor.addEventListener(type, state);
  field.addEventListener("remplace", () => editor.setHTML(field.value));
  return { write };
}
