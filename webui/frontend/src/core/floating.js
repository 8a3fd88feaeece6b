// Menus float above panes and bars, wholly within the window: a pane cuts off what hangs out of it. Without the popover of
// the browser, or this script, they open where they stand.

const GAP = 2;
const EDGE = 8;

if (HTMLElement.prototype.showPopover) {
  // `toggle` does not bubble.
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.menu")) (event.target.open ? float : sink)(event.target);
  }, true);
  addEventListener("resize", () => document.querySelectorAll("details.menu[open]").forEach(place));
  addEventListener("scroll", (event) => {
    if (event.target.closest?.("details.menu")) return;
    document.querySelectorAll("details.menu[open]").forEach(place);
  }, { capture: true, passive: true });
}

function body(menu) {
  return menu.querySelector(":scope > :is(div, ul)");
}

function float(menu) {
  const box = body(menu);
  if (!box?.isConnected) return;
  box.popover = "manual";
  box.showPopover();
  place(menu);
}

function sink(menu) {
  const box = body(menu);
  if (!box?.hasAttribute("popover")) return;
  if (box.matches(":popover-open")) box.hidePopover();
  box.removeAttribute("popover");
  box.style.removeProperty("left");
  box.style.removeProperty("top");
}

// Below its button, above it where there is no room; never beyond an edge.
function place(menu) {
  const box = body(menu);
  if (!box?.matches(":popover-open")) return;
  const button = menu.querySelector("summary").getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  const { clientWidth, clientHeight } = document.documentElement;
  const below = button.bottom + GAP;
  const top = below + height + EDGE <= clientHeight ? below : button.top - GAP - height;
  const left = getComputedStyle(menu).getPropertyValue("--bord").trim() === "droit" ? button.right - width : button.left;
  box.style.setProperty("top", `${Math.max(EDGE, Math.min(top, clientHeight - height - EDGE))}px`);
  box.style.setProperty("left", `${Math.max(EDGE, Math.min(left, clientWidth - width - EDGE))}px`);
}
