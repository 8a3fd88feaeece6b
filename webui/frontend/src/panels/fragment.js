// A letter's form as the server gives it for a panel, made fit to stand beside others: its ids end in the panel's suffix.

const REFERENCES = ["for", "aria-labelledby", "aria-describedby", "aria-controls", "popovertarget"];

export const PARTIAL = { "HX-Request-Type": "partial" };

export async function parsed(response) {
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

export function rename(root, suffix) {
  for (const one of root.querySelectorAll("[id]")) one.id += suffix;
  for (const name of REFERENCES) {
    for (const one of root.querySelectorAll(`[${name}]`)) {
      one.setAttribute(name, one.getAttribute(name).split(" ").map((id) => id + suffix).join(" "));
    }
  }
  for (const one of root.querySelectorAll("template")) rename(one.content, suffix);
}
