// The server keeps which folders are folded away.

document.addEventListener("click", (event) => {
  const details = event.target.closest?.(".arbre summary")?.parentElement;
  if (!details) return;
  const link = details.parentElement.querySelector(":scope > a");
  const told = new URLSearchParams({ m_: document.querySelector("#deconnexion [name=m_]").value, dossier: link.dataset.boite });
  if (details.open) told.set("plie", "1"); // it closes now
  fetch("/m/dossiers/replier", { method: "POST", body: told, keepalive: true }).catch(() => {});
});
