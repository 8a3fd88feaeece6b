// An event beside the grid: what its page says, as a popover at the event. On phones, and in a new tab, its page opens.

const WIDE = 960;
const GAP = 8;
const box = document.getElementById("fiche");
let from = null;

async function open(event) {
  const address = new URL(event.href);
  address.searchParams.set("fiche", "1");
  const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) {
    location.assign(event.href); // which says what is the matter
    return;
  }
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  box.replaceChildren(...parsed.body.childNodes);
  close();
  from = event;
  from.setAttribute("aria-expanded", "true");
  box.showPopover({ source: event }); // what Tab leads to from the event
  place();
  box.querySelector("h2")?.focus();
}

function close() {
  if (box.matches(":popover-open")) box.hidePopover();
}

// To the right of the event, to its left where there is no room; never beyond an edge.
function place() {
  const event = from.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  const { clientWidth, clientHeight } = document.documentElement;
  const right = event.right + GAP;
  const left = right + width + GAP <= clientWidth ? right : event.left - GAP - width;
  box.style.setProperty("left", `${Math.max(GAP, Math.min(left, clientWidth - width - GAP))}px`);
  box.style.setProperty("top", `${Math.max(GAP, Math.min(event.top, clientHeight - height - GAP))}px`);
}

if (box?.showPopover) {
  document.addEventListener("click", (click) => {
    const event = click.target.closest?.("a.ev:not(.tache)");
    if (!event || click.defaultPrevented || click.button || click.ctrlKey || click.metaKey || click.shiftKey || innerWidth < WIDE) return;
    click.preventDefault();
    open(event);
  });
  box.addEventListener("toggle", (toggle) => {
    if (toggle.newState !== "closed") return;
    from?.setAttribute("aria-expanded", "false");
    if (box.contains(document.activeElement) || document.activeElement === document.body) from?.focus();
  });
  box.addEventListener("click", (click) => {
    if (click.target.closest("[data-fermer]")) close();
  });
}
