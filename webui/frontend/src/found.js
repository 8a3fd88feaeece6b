// The draft of a letter whose text this tab still has: it was given to the server as its page was left. Loaded where there
// is such a text only (compose/saving.js).

const UNDERWAY = 1500;
const PATIENCE = 5000;

// The words of a letter, however they are set, and to whom.
function said(field) {
  const html = field("html");
  const body = html ? new DOMParser().parseFromString(html, "text/html").body.textContent : field("texte");
  return `${field("a")} ${field("cc")} ${field("cci")} ${field("objet")} ${body}`.replace(/\s+/g, "");
}

// What the server has of a letter of this key, by field.
async function draftOf(desk, key, again = true) {
  const headers = { "HX-Request": "true", "HX-Request-Type": "partial" };
  const address = `${desk.base}/ecrire?cle=${encodeURIComponent(key)}`;
  const answer = await fetch(address, { headers, signal: AbortSignal.timeout(PATIENCE) });
  const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
  const field = (name) => page.querySelector(`[name=${name}]`)?.value;
  if (Number(field("brouillon"))) return field;
  if (!again) return null;
  await new Promise((done) => setTimeout(done, UNDERWAY)); // it may still be on its way
  return draftOf(desk, key, false);
}

// Where it stands, and whether all these words are in it; nothing where there is none but the one that is shown.
export async function sought(desk, key, values) {
  const draft = await draftOf(desk, key);
  if (!draft || draft("brouillon") === desk.field("brouillon").value) return null;
  return { address: `${desk.base}/ecrire/${draft("brouillon")}`, isWhole: said((name) => values[name]) === said(draft) };
}
