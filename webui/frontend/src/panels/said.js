// What is said of a letter that was written in a panel, in the page's one region: kept, leaving, called back.

import { follow } from "../compose/leaving.js";

export function say(...what) {
  document.dispatchEvent(new CustomEvent("dire", { detail: what }));
}

// Something went wrong, in the words of the page.
export function regret(name = "panne") {
  say(document.getElementById("dit").dataset[name]);
}

// The notice of a page that a panel does not show.
export function tell(page) {
  const notice = page.querySelector("#annonce");
  if (!notice) return;
  const box = document.createElement("div");
  box.className = "depart";
  box.append(...notice.childNodes);
  if (notice.dataset.envoi) {
    box.dataset.envoi = notice.dataset.envoi;
    follow(box, () => {
      if (!box.isConnected) return;
      delete box.dataset.envoi;
      say(box);
    });
  }
  say(box);
}
