// Leaving the page by script: what is being written in it is kept first, where somebody writes (panels.js).

export function away(act) {
  if (document.dispatchEvent(new CustomEvent("partir", { cancelable: true, detail: act }))) act();
}
