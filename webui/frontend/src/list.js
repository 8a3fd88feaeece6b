// The list of messages: choosing, acting, opening in the pane, dragging, keys. Everything is a form or a link first,
// and stays one when core.js has not come.

if ("script" in document.documentElement.dataset) {
  // People see the rows first: what is made ready for their hands comes behind the first frame.
  if (!document.hidden) await new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)));
  await import("./list/start.js");
}
