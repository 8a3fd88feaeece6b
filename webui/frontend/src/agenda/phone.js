// On a phone a sideways stroke turns to the period before or after.

const FAR = 60;
const STEEP = 0.6;
const WIDE = 960;
const page = document.querySelector(".agenda .cadre");
let start = null;

if (page && document.querySelector(".enseigne .pas")) {
  page.addEventListener("touchstart", (touch) => {
    start = touch.touches.length === 1 && innerWidth < WIDE ? { x: touch.touches[0].clientX, y: touch.touches[0].clientY } : null;
  }, { passive: true });
  page.addEventListener("touchend", (touch) => {
    if (!start) return;
    const across = touch.changedTouches[0].clientX - start.x;
    const down = Math.abs(touch.changedTouches[0].clientY - start.y);
    start = null;
    if (Math.abs(across) < FAR || down > STEEP * Math.abs(across)) return;
    const link = document.querySelector(`.enseigne a[rel=${across < 0 ? "next" : "prev"}]`);
    if (link) location.assign(link.href);
  }, { passive: true });
}
