// Pictures in the text: chosen, pasted or dropped; a click, or the button while one is chosen, changes what it says and its
// width, which is an attribute that every mail program knows.

const USUAL = 480;
const KINDS = "image/png,image/jpeg,image/gif,image/webp";

export function pictures(desk, editor, root, saving, ask) {
  const text = desk.one("image-texte");
  const width = desk.one("image-largeur");

  // The draft has it: there is no other way to show it under the page's policy.
  async function insert(file) {
    const cid = `${crypto.randomUUID()}@editeur`;
    const range = editor.getSelection();
    let image = null;
    await saving.upload(file, cid, async () => {
      const address = `${desk.base}/ecrire/${desk.field("brouillon").value}/image?cid=${encodeURIComponent(cid)}`;
      editor.setSelection(range);
      const placed = editor.insertImage(address, { alt: "" });
      placed.dataset.cid = cid;
      if (await placed.decode().then(() => true, () => false)) {
        if (placed.naturalWidth > USUAL) placed.width = USUAL;
        image = placed;
        return;
      }
      placed.remove();
      desk.say(desk.texts.illisible.replace("{nom}", file.name));
      saving.touched();
    });
    return image;
  }

  async function change(image) {
    text.value = image.alt;
    width.value = [240, 480, 720].find((one) => one === image.width && image.hasAttribute("width")) ?? 0;
    const answer = await ask("image", text);
    if (answer !== "ok" && answer !== "retirer") return;
    editor.saveUndoState();
    if (answer === "retirer") return void image.remove();
    image.alt = text.value.trim();
    image.style.width = "";
    image.style.height = "";
    image.removeAttribute("height");
    if (Number(width.value)) image.width = Number(width.value);
    else image.removeAttribute("width");
  }

  function chosen() {
    const range = editor.getSelection();
    const found = range.cloneContents().querySelectorAll("img");
    if (found.length !== 1 || range.toString().trim()) return null;
    return [...root.querySelectorAll("img")].find((one) => range.intersectsNode(one)) ?? null;
  }

  function choose() {
    const already = chosen();
    if (already) return void change(already);
    const chooser = document.createElement("input");
    Object.assign(chooser, { type: "file", accept: KINDS });
    chooser.addEventListener("change", async () => {
      const image = chooser.files[0] && (await insert(chooser.files[0]));
      if (image) await change(image);
    });
    chooser.click();
  }

  async function several(files) {
    for (const file of files) await insert(file);
  }

  function shown(transfer) {
    return [...(transfer?.files ?? [])].filter((file) => KINDS.split(",").includes(file.type));
  }

  root.addEventListener("click", (event) => {
    if (event.target.nodeName === "IMG") change(event.target);
  });
  editor.addEventListener("pasteImage", (event) => {
    const files = shown(event.detail?.clipboardData);
    if (!files.length) return;
    event.preventDefault();
    several(files);
  });
  // Pictures alone go into the text where they are dropped; other files are attached.
  root.addEventListener("drop", (event) => {
    const files = shown(event.dataTransfer);
    if (!files.length || files.length !== event.dataTransfer.files.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    desk.form.classList.remove("depose");
    const place = document.caretRangeFromPoint?.(event.clientX, event.clientY);
    if (place && root.contains(place.startContainer)) editor.setSelection(place);
    several(files);
  }, { capture: true });
  return choose;
}
