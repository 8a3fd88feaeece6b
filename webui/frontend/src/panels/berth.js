// Where a letter stands: below the one that is read, which it answers, or else afloat.

const ANSWERS = ["repondre", "tous", "liste", "transferer"];
export const wide = matchMedia("(min-width: 60rem)");

export const isDocked = ({ section }) => section.classList.contains("quai");

export function shown(letter) {
  const article = document.querySelector(".lecture[data-message]");
  return article?.dataset.message === letter ? article : null;
}

// The letter that is read, where an address answers it; null: the panel floats.
export function berth(address) {
  const { searchParams } = new URL(address, location.href);
  const letter = ANSWERS.map((name) => searchParams.get(name)).find(Boolean);
  return letter && wide.matches ? shown(letter) : null;
}

// Whether the letter of a dock is shown, or will be at once: the list opens again the one that its address names.
export function awaited(letter) {
  if (shown(letter) || !document.getElementById("liste") || location.hash !== `#m${letter}`) return Promise.resolve(shown(letter));
  return new Promise((done) => {
    document.addEventListener("lecture", () => done(shown(letter)), { once: true });
  });
}
