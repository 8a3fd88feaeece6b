// The list of messages: choosing, acting, opening in the pane, dragging, keys. Everything is a form or a link first,
// and stays one when htmx, which core.js brings, has not come.

if (window.htmx) await import("./list/start.js");
