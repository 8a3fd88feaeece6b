// Which message is open beside which list in this tab: the address of the list names it, and pages that one goes to
// from there lead back to both.

const KEY = "ouvert";
const HOUR = 3600000;

export function kept() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY));
    return found && Date.now() - found.at < HOUR ? found : null;
  } catch {
    return null;
  }
}

export function store(what) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(what));
  } catch {
    // No storage: pages lead back as they do without scripts.
  }
}

// `list`: the address of the list; `id`: the message's item in it; `path`: the page of the message.
export function keep(list, id, path) {
  history.replaceState(null, "", `${list}#${id}`);
  store({ list, id, path, at: Date.now() });
}

// The next page is a letter that answers what is open.
export function leave() {
  const found = kept();
  if (found) store({ ...found, answering: true });
}
