// Choosing items: checkboxes, ranges with Shift, single ones with Ctrl, all of the page.

let anchor = null;

export const items = () => [...document.querySelectorAll(".courriels > li")];
const box = (item) => item.querySelector("input");
export const chosen = () => items().filter((item) => box(item).checked);

// `said`: how many are chosen is news. What is only acted upon is told of by what became of it.
export function choose(item, on = true, said = true) {
  box(item).checked = on;
  anchor = item;
  count(said);
}

export function clear() {
  for (const item of chosen()) box(item).checked = false;
  count();
}

function range(to, on) {
  const all = items();
  const [from, end] = [all.indexOf(anchor), all.indexOf(to)].sort((a, b) => a - b);
  for (const item of all.slice(Math.max(from, 0), end + 1)) box(item).checked = on;
  count();
}

export function count(said = true) {
  const number = chosen().length;
  const place = document.getElementById("nombre");
  place?.setAttribute("aria-live", said ? "polite" : "off");
  if (place) place.textContent = number === 0 ? "" : number === 1 ? place.dataset.un : place.dataset.plusieurs.replace("{n}", number);
  const all = document.querySelector("#cocher input");
  if (all) {
    all.checked = number > 0 && number === items().length;
    all.indeterminate = number > 0 && !all.checked;
  }
  const everything = document.getElementById("tout");
  if (everything && number < items().length) everything.checked = false;
}

// The link that ticks everything becomes a checkbox, which also says that only some are ticked.
export function prepare() {
  anchor = null;
  const link = document.querySelector("a#cocher");
  if (link) {
    const label = document.createElement("label");
    label.className = "cocher";
    label.id = "cocher";
    const all = document.createElement("input");
    all.type = "checkbox";
    all.setAttribute("aria-label", link.textContent);
    all.addEventListener("change", () => {
      for (const item of items()) box(item).checked = all.checked;
      count();
    });
    label.append(all);
    link.replaceWith(label);
  }
  count();
}

document.addEventListener("click", (event) => {
  const item = event.target.closest?.(".courriels > li");
  if (!item) return;
  const ticking = event.target === box(item);
  if (!ticking && !event.shiftKey && !event.ctrlKey && !event.metaKey) return;
  if (!ticking) event.preventDefault();
  const on = ticking ? box(item).checked : event.shiftKey || !box(item).checked;
  if (event.shiftKey && anchor?.isConnected && anchor !== item) range(item, on);
  choose(item, on);
});
