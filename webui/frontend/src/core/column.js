// The column of folders anew, when some came, went or changed their names elsewhere.

let running = null;

async function ask() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("dossiers");
  const column = document.getElementById("dossiers");
  if (!fresh || !column) return;
  const focused = column.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  column.replaceChildren(...fresh.childNodes);
  if (focused) column.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

export function renew() {
  running ??= ask().finally(() => { running = null; });
}
