// Comfort for the reader: the frame of a formatted message grows to its content, and files open over the page. Without it
// the frame scrolls, and files have a page of their own. A letter counts as read once it has been open for as long as its
// reader chose.
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

// A message prints whole, as its page for paper, which no pane cuts: by the link, and by the keys of the browser.
function printed(address) {
  const frame = document.createElement("iframe");
  frame.className = "vh";
  frame.setAttribute("aria-hidden", "true");
  frame.tabIndex = -1;
  frame.src = address;
  frame.addEventListener("load", () => {
    frame.contentWindow.addEventListener("afterprint", () => setTimeout(() => frame.remove()));
    frame.contentWindow.focus();
    frame.contentWindow.print();
  }, { once: true });
  document.body.append(frame);
}

const paper = () => document.querySelector(".lecture a[href*='/imprimer']");
document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest(".lecture a[href*='/imprimer']");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  event.preventDefault();
  printed(link.href);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "p" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || !paper()) return;
  event.preventDefault();
  printed(paper().href);
});

let reading = 0;

async function markRead(letter) {
  if (!letter.isConnected) return;
  if (document.hidden) {
    document.addEventListener("visibilitychange", count, { once: true });
    return;
  }
  const form = letter.querySelector(".barre-lecture");
  const fields = new URLSearchParams(new FormData(form));
  fields.set("faire", "lu");
  // Where the answer leads is of no interest.
  const answer = await fetch(form.action, { method: "POST", body: fields, redirect: "manual" }).catch(() => null);
  if (answer?.type !== "opaqueredirect") return;
  letter.removeAttribute("data-lu");
  document.dispatchEvent(new CustomEvent("lue", { detail: letter.dataset.message }));
}

function count() {
  clearTimeout(reading);
  const letter = document.querySelector(".lecture[data-lu]");
  if (letter) reading = setTimeout(markRead, Number(letter.dataset.lu) * 1000, letter);
}

document.addEventListener("lecture", count);
count();
// What was done to the letter before this one is said where it does not move the text.
if (document.querySelector(".lire .lecture")) addEventListener("load", () => document.dispatchEvent(new CustomEvent("annonce")));
