// Leaving the page: text that is not kept yet is kept first, by links, by forms, by keys. What cannot be kept, the browser
// asks about (saving.js).

const LONGEST = 5000;

// `unsaved`: what is still to be kept, asked anew each time.
export function keepFirst(unsaved) {
  let passing = false;

  function before(event, go) {
    const waiting = passing ? [] : unsaved();
    if (!waiting.length) return;
    event.preventDefault();
    const all = Promise.all(waiting.map((one) => one.save()));
    Promise.race([all, new Promise((done) => setTimeout(done, LONGEST))]).then(() => {
      passing = true;
      go();
      passing = false;
    });
  }

  addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.("a[href]");
    if (!link || (link.target && link.target !== "_self") || link.hasAttribute("download") || !/^https?:$/.test(link.protocol)) return;
    if (link.hash && link.href.split("#")[0] === location.href.split("#")[0]) return;
    before(event, () => location.assign(link.href));
  });
  addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method === "dialog") return;
    before(event, () => event.target.requestSubmit(event.submitter));
  });
  document.addEventListener("partir", (event) => before(event, event.detail));
}
