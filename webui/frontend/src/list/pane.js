// A message opens in the pane beside the list; filters, orders and pages replace the list alone.

import { hasPane, list, load, reader } from "./place.js";

const { htmx } = window;

export async function read(link, { focus = false } = {}) {
  document.querySelector(".courriels a[aria-current]")?.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  reader().setAttribute("aria-busy", "true");
  await htmx.ajax("GET", link.getAttribute("href"), { target: "#lecteur", swap: "innerHTML ignoreTitle:true" });
  reader().removeAttribute("aria-busy");
  reader().scrollTop = 0;
  link.closest("li")?.classList.remove("n");
  const heading = reader().querySelector("h1, h2");
  if (focus && heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a");
  if (!link) return;
  if (link.matches(".courriels a") && hasPane() && link.pathname.startsWith("/m/message/")) {
    event.preventDefault();
    read(link, { focus: event.detail === 0 });
  } else if (link.matches("#liste :is(.puces, .suite) a, #actualiser")) {
    event.preventDefault();
    load("GET", link.href, { keep: link.id === "actualiser" }).then((done) => {
      if (!done) return;
      history.pushState(null, "", link.href);
      list().scrollTop = 0;
      document.querySelector(".courriels a, #titre")?.focus({ preventScroll: true });
    });
  }
});
addEventListener("popstate", () => location.reload());

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.closest?.("#lecteur") || event.defaultPrevented) return;
  (document.querySelector(".courriels a[aria-current]") ?? document.querySelector(".courriels a"))?.focus();
});
