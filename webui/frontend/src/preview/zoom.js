// Larger and smaller: buttons that the page shows once there is a script, and the keys + - 0 where single keys act.

const STEPS = [0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4];
const FITS = STEPS.indexOf(1);

// `scale` shows the file at so many times the size at which it fits.
export function zoom(scene, scale) {
  const bar = scene.querySelector("[data-zoom]");
  if (!bar) return;
  const shown = bar.querySelector("output");
  let at = FITS;
  const go = (step) => {
    at = Math.max(0, Math.min(STEPS.length - 1, step));
    shown.value = `${Math.round(STEPS[at] * 100)} %`;
    scale(STEPS[at]);
  };
  const acts = { moins: () => go(at - 1), ajuster: () => go(FITS), plus: () => go(at + 1) };
  bar.addEventListener("click", (event) => acts[event.target.closest("button")?.dataset.fait]?.());
  scene.addEventListener("dblclick", (event) => {
    if (event.target.closest(".image-seule")) go(at === FITS ? STEPS.indexOf(2) : FITS);
  });
  document.addEventListener("keydown", function pressed(event) {
    if (!scene.isConnected) return document.removeEventListener("keydown", pressed);
    if (!document.body.matches(".raccourcis") || event.ctrlKey || event.metaKey || event.target.closest?.("input, select")) return;
    const act = acts[{ "+": "plus", "-": "moins", 0: "ajuster" }[event.key]];
    if (act) act();
  });
  bar.hidden = false;
}
