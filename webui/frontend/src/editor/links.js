// Links: one dialog for the address and the text, for a new one and for the one around the cursor.

const FOLLOWED = /^(https?|mailto|tel):/i;

// As people type them: `ac-exemple.fr`, `nom@ac-exemple.fr`.
function whole(typed) {
  const address = typed.trim();
  if (!address || FOLLOWED.test(address)) return address;
  if (/^[^\s@/]+@[^\s@/]+\.[^\s@/]+$/.test(address)) return `mailto:${address}`;
  return /^[^\s:/]+\.[^\s:]{2,}$/.test(address) ? `https://${address}` : "";
}

export function links(desk, editor, root, ask) {
  const address = desk.one("lien-adresse");
  const text = desk.one("lien-texte");

  function around(range) {
    const { startContainer: node } = range;
    const link = (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest("a[href]");
    return link && root.contains(link) ? link : null;
  }

  return async function link() {
    const range = editor.getSelection();
    const before = around(range);
    if (before) range.selectNodeContents(before);
    address.value = before?.getAttribute("href") ?? "";
    text.value = range.toString();
    desk.one("lien-retirer").hidden = !before;
    const answer = await ask("lien", address);
    editor.setSelection(range);
    if (answer === "retirer") return void editor.removeLink();
    const leads = whole(address.value);
    if (answer !== "ok" || !leads) return;
    const shown = text.value.trim() || leads.replace(/^[a-z]+:(\/\/)?/i, "");
    if (shown !== range.toString()) {
      editor.saveUndoState(range);
      range.deleteContents();
      const words = document.createTextNode(shown);
      range.insertNode(words);
      range.selectNodeContents(words);
      editor.setSelection(range);
    }
    editor.makeLink(leads);
    range.collapse(false);
  };
}
