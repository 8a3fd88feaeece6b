// What is there for when the network is not (offline.js) comes last, once the page stands.

const place = document.getElementById("reseau");

function load() {
  import(place.dataset.script).catch(() => {}); // the page does without it
}

if (place?.dataset.script) (window.requestIdleCallback ?? setTimeout)(load);
