// Where a menu opens that no button opens by itself. Nothing here listens: several bundles have a copy.

const EDGE = 8;

// Beside a button, or where a pointer is.
export function show(menu, { source, x, y } = {}) {
  menu.showPopover(source ? { source } : undefined);
  if (x !== undefined) put(menu, x, y);
}

// At a point, wholly within the window.
export function put(menu, x, y) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const { clientWidth, clientHeight } = document.documentElement;
  menu.classList.add("pose");
  menu.style.setProperty("left", `${Math.max(EDGE, Math.min(x, clientWidth - width - EDGE))}px`);
  menu.style.setProperty("top", `${Math.max(EDGE, Math.min(y, clientHeight - height - EDGE))}px`);
}
