// The event one was at, in this tab: after a change the focus is there again, and what was done is said.

const KEY = "agenda-ici";
const path = (event) => new URL(event.href).pathname;

export function keep(event) {
  try {
    sessionStorage.setItem(KEY, path(event));
  } catch {
    // No storage: the page begins at its top.
  }
}

export function restore(status) {
  let here = null;
  try {
    here = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
  } catch {
    return;
  }
  const event = here && [...document.querySelectorAll(".ev")].find((one) => path(one) === here);
  if (!event) return;
  event.focus();
  const done = document.querySelector("#annonce p, #dit > div");
  if (done) setTimeout(() => { status.textContent = done.textContent; }, 100);
}
