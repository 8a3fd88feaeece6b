// The people something is shared with, as tokens with suggestions, like the recipients of a letter; only persons are proposed.

import { tokens } from "./compose/tokens.js";

const form = document.querySelector("#partage[data-base]");
if (form) {
  tokens(
    {
      form,
      base: form.dataset.base,
      texts: JSON.parse(form.dataset.textes),
      query: { gens: "1" },
      id: (name) => name,
      field: (name) => form.querySelector(`[name="${name}"]`),
      announce(text) {
        document.querySelector("#annonces").textContent = text;
      },
    },
    "qui",
  );
}
