// The keys that work on every page.

import { bind } from "./bind.js";

const go = (path) => () => location.assign(path);

bind({
  "/": () => {
    const field = document.querySelector(".quete [type=search]");
    if (!field) return false;
    if (!field.getClientRects().length) location.assign("/m/recherche");
    field.focus();
  },
  "Shift+?": go("/m/raccourcis"),
  "?": go("/m/raccourcis"),
  c: go("/m/ecrire"),
  "g i": go("/m/"),
  "g a": go("/agenda"),
  "g c": go("/contacts"),
});
