// Letters open in panels over the page, where the person wants that and the window is wide enough; otherwise their links
// lead to the page of a letter. What panels are made of comes with the first one.

const place = document.getElementById("panneaux");
const wide = matchMedia("(min-width: 60rem)");
const LETTER = /^\/m\/ecrire(\/\d+)?$/;

const load = () => import(place.dataset.script);

function isPossible() {
  return Boolean(place) && wide.matches && !location.pathname.startsWith("/m/ecrire");
}

// True when the letter of an address opens in a panel.
export function write(address, opener = document.activeElement) {
  if (!isPossible()) return false;
  load().then(({ open }) => open(address, { opener }), () => location.assign(address));
  return true;
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a[href^='/m/ecrire']");
  if (!link || link.target || link.closest(".panneau") || !LETTER.test(link.pathname)) return;
  if (write(link.href, link)) event.preventDefault();
});

try {
  if (isPossible() && sessionStorage.getItem("panneaux")) load().then(({ restore }) => restore());
} catch {
  // No storage: what was open is in the drafts.
}

// Whoever logs out leaves nothing in the tab.
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute?.("action") === "/deconnexion") sessionStorage.clear();
});
