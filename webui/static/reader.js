// Comfort for the reader: the frame of a formatted message grows to its content, and files open over the page. Without it
// the frame scrolls, and files have a page of their own.
// Listens on the document, so that a message which arrives in the pane later is served as well.

const MOST = 20000;

function fit(frame) {
  const page = frame.contentDocument;
  if (!page || !page.documentElement) return;
  const height = Math.min(MOST, Math.max(page.documentElement.scrollHeight, page.body ? page.body.scrollHeight : 0));
  frame.style.height = `${height + 4}px`;
}

function watch(frame) {
  if (!frame.contentDocument || frame.contentDocument.URL === "about:blank") return;
  frame.style.height = "0";
  fit(frame);
  for (const picture of frame.contentDocument.images) picture.addEventListener("load", () => fit(frame));
}

document.addEventListener("load", (event) => {
  if (event.target instanceof HTMLIFrameElement && event.target.classList.contains("feuille")) watch(event.target);
}, true);
for (const frame of document.querySelectorAll("iframe.feuille")) {
  if (frame.contentDocument && frame.contentDocument.readyState === "complete") watch(frame);
}
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  document.querySelectorAll("iframe.feuille").forEach(watch);
});

// A phone shows a file on its own page: its button for "back" leads to the message.
document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest("[data-script] a[data-apercu]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || innerWidth < 960) return;
  const script = link.closest("[data-script]").dataset.script;
  const style = link.closest("[data-script]").dataset.style;
  event.preventDefault();
  if (!document.querySelector(`link[href="${style}"]`)) {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = style;
    document.head.append(sheet);
  }
  import(script).then((module) => module.open(link)).catch(() => location.assign(link.href));
}, true);
