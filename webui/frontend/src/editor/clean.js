// HTML on its way into the editor: cleaned by DOMPurify (the server cleans again), in the words that Squire knows.

import DOMPurify from "dompurify";

// A page's policy lets no style attribute be parsed; styles that a script sets are the script's. So the attribute travels
// by another name, and becomes styles when the elements are there.
export const STYLE = "data-style";
const TAGGED = /(<[a-z][^<>]*?[\s"'/])style(?=\s*=)/gi;
const ALLOWED = { FORBID_TAGS: ["style", "script", "form", "input", "button", "svg", "math", "iframe", "object", "video", "audio"],
  FORBID_ATTR: ["class", "id", "srcset", "background"], ADD_ATTR: ["data-cid", STYLE], ADD_URI_SAFE_ATTR: [STYLE], ALLOW_DATA_ATTR: false, RETURN_DOM_FRAGMENT: true,
  WHOLE_DOCUMENT: false };
// As Squire would, which copies attributes one by one.
const RENAMED = { STRONG: "b", EM: "i", INS: "u", STRIKE: "s", DEL: "s", TT: "code" };
// Squire finds what it changes again by these classes; the server drops them.
const CLASSES = { color: "color", fontSize: "size" };
const OWN = /\/ecrire\/\d+\/image\?cid=([^&"]+)/;

export function hide(html) {
  return html.replace(TAGGED, `$1${STYLE}`);
}

export function dress(root) {
  for (const one of root.querySelectorAll(`[${STYLE}]`)) {
    one.style.cssText = one.getAttribute(STYLE);
    one.removeAttribute(STYLE);
  }
}

function simplify(root) {
  for (const one of root.querySelectorAll(Object.keys(RENAMED).join())) {
    const same = document.createElement(RENAMED[one.tagName]);
    same.style.cssText = one.style.cssText;
    same.append(...one.childNodes);
    one.replaceWith(same);
  }
}

// A span for each: what has a colour and a size of its own can lose one of them.
function classify(root) {
  for (const one of root.querySelectorAll("span")) {
    for (const [property, name] of Object.entries(CLASSES)) {
      const value = one.style[property];
      if (!value) continue;
      if (one.style.length === 1) {
        one.className = name;
        continue;
      }
      const inner = document.createElement("span");
      inner.className = name;
      inner.style[property] = value;
      one.style[property] = "";
      inner.append(...one.childNodes);
      one.append(inner);
    }
  }
}

export function clean(html) {
  const fragment = DOMPurify.sanitize(hide(html), ALLOWED);
  dress(fragment);
  simplify(fragment);
  classify(fragment);
  for (const image of fragment.querySelectorAll("img")) {
    const own = OWN.exec(image.getAttribute("src") ?? "");
    if (own) image.dataset.cid = decodeURIComponent(own[1]);
    else image.remove();
  }
  return fragment;
}
