// The keys that work on every page.

import { away } from "./away.js";
import { bind } from "./bind.js";
import { write } from "./opening.js";

const go = (path) => () => away(() => location.assign(path));

// The reader's own links, in the pane or on a page of its own.
const follow = (what) => () => {
  const link = document.querySelector(`.lecture a[href*="/ecrire?${what}="]`);
  if (!link) return false;
  link.click();
};

bind({
  r: follow("repondre"),
  a: follow("tous"),
  f: follow("transferer"),
  "/": () => {
    const field = document.querySelector(".quete [type=search]");
    if (!field) return false;
    if (!field.getClientRects().length) location.assign("/m/recherche");
    field.focus();
  },
  "Shift+?": go("/m/raccourcis"),
  "?": go("/m/raccourcis"),
  c: () => write("/m/ecrire") || location.assign("/m/ecrire"),
  "g i": go("/m/"),
  "g a": go("/agenda"),
  "g c": go("/contacts"),
});
