// An icon of the page's sprite; where there is none, a word or sign in its place.

const SVG = "http://www.w3.org/2000/svg";

export function icon(desk, name, instead = "") {
  const sprite = desk.form.dataset.icones;
  if (!sprite) return document.createTextNode(instead);
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "i");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${sprite}#${name}`);
  made.append(use);
  return made;
}

// The name of an icon's button, for whoever does not see it.
export function hidden(text) {
  const made = document.createElement("span");
  made.className = "vh";
  made.textContent = text;
  return made;
}
