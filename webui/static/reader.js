// Comfort for the reader: the frame of a formatted message grows to its content. Without it the frame scrolls.
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
