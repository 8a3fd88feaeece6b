// Whoever writes under another address signs as that one does, unless another signature was chosen for this letter.

export function signing(desk) {
  const from = desk.field("de");
  if (!from) return;
  const fitting = () => from.selectedOptions[0]?.dataset.signature ?? "0";
  let before = fitting();
  from.addEventListener("change", () => {
    const now = fitting();
    const usual = desk.field("signature").value === before;
    before = now;
    if (!usual || now === desk.field("signature").value) return;
    desk.field("signe").value = now;
    desk.form.requestSubmit(desk.form.querySelector("button[value=signature]"));
  });
}
