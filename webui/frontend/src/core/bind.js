// Single keys (WCAG 2.1.4): only outside fields, and only while the person has not turned them off.

import { tinykeys } from "tinykeys";

const on = document.body.classList.contains("raccourcis");

function isTyping(event) {
  return Boolean(event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]"));
}

// Bind keys to functions; one that returns false leaves the key to the browser.
export function bind(keys) {
  if (!on) return;
  const bound = Object.entries(keys).map(([key, act]) => [
    key,
    (event) => {
      if (isTyping(event) || event.defaultPrevented || event.target.closest?.(".panneau") || document.querySelector("dialog[open]")) return;
      if (act(event) !== false) event.preventDefault();
    },
  ]);
  tinykeys(window, Object.fromEntries(bound));
}
