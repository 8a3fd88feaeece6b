// What the search field offers comes with its first use.

const form = document.querySelector(".quete[data-aide]");

if (form?.dataset.script) {
  form.addEventListener("focusin", () => import(form.dataset.script), { once: true });
}
