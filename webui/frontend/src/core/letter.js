// The keys of a letter that has a page to itself: they press its own buttons. Beside a list they are the list's (list/keys.js).

import { bind } from "./bind.js";

const beside = () => document.getElementById("liste");

function press(name) {
  return () => {
    const button = !beside() && document.querySelector(`.barre-lecture [name=faire][value="${name}"]`);
    if (!button) return false;
    button.form.requestSubmit(button);
  };
}

function follow(rel) {
  return () => {
    const link = !beside() && document.querySelector(`.lecture a[rel="${rel}"]`);
    if (!link) return false;
    link.click();
  };
}

function menu(id) {
  return () => {
    const button = !beside() && document.querySelector(`.barre-lecture [popovertarget="${id}"]`);
    if (!button) return false;
    button.click();
    document.getElementById(id).querySelector("input:not([type=checkbox]), button")?.focus();
  };
}

bind({
  j: follow("next"),
  k: follow("prev"),
  e: press("archiver"),
  "#": press("supprimer"),
  "Shift+#": press("supprimer"),
  Delete: press("supprimer"),
  "!": press("indesirable"),
  "Shift+!": press("indesirable"),
  u: press("nonlu"),
  s: press("suivre"),
  m: press("masquer"),
  v: menu("lecture-deplacer"),
  l: menu("lecture-etiqueter"),
  b: menu("lecture-reporter"),
  z: () => {
    const undo = !beside() && document.querySelector(".lecture") && document.querySelector("#dit form[action$='/annuler']");
    if (!undo) return false;
    undo.requestSubmit();
  },
});
