// Letters of the secretariat: the document is saved, then the page says that it was printed, so that nobody prints it twice.
// Without this the page stays as it was, and a second press of the button is asked about by the server.

let busy = false;
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-imprimer]")) return;
  event.preventDefault();
  if (busy) return;
  busy = true;
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  const status = form.querySelector(".preparation") ?? document.querySelector(".preparation");
  if (status) status.textContent = status.dataset.texte;
  try {
    const response = await fetch(form.action, { method: "POST", body: fields });
    if (response.ok && response.headers.get("content-type") === "application/pdf") {
      await save(response);
      show(form.dataset.imprimer);
    } else if (response.redirected) {
      location.assign(response.url);
    } else {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      document.querySelector("main").replaceWith(page.querySelector("main"));
      document.querySelector("main [autofocus]")?.focus();
    }
  } finally {
    busy = false;
    if (status) status.textContent = "";
  }
});

// The page that says what was done; it may be open already.
function show(address) {
  const there = new URL(address, location.href);
  there.hash = "annonce";
  if (there.href === location.href) location.reload();
  else location.assign(there);
}

async function save(response) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = /filename="([^"]+)"/.exec(response.headers.get("content-disposition"))?.[1] ?? "lettre.pdf";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
