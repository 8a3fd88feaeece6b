// The list of messages: choosing, acting, opening in the pane, dragging, keys. Everything is a form or a link first,
// and stays one when core.js has not come.

if ("script" in document.documentElement.dataset) await import("./list/start.js");
