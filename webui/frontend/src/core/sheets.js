// Style sheets of what a page gets later, each once.
const sheets = new Map();

export function dressed(addresses) {
  return Promise.all(
    addresses.split(" ").map((href) => {
      if (!sheets.has(href)) sheets.set(href, sheet(href));
      return sheets.get(href);
    }),
  );
}

function sheet(href) {
  return new Promise((done) => {
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href, onload: done, onerror: done });
    document.head.append(link);
  });
}
