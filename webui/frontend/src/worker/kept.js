// The copies, of one account at a time. The server says with each page whose it is and how long a copy may be read; a page for
// nobody, another account's, a refusal for want of a session, or time take away what there is.

const PREFIX = "pages ";
const MOST = 60;
const OCTETS = 8 * 1024 * 1024;
const LONGEST = 512 * 1024;
const AT = "kept-at";
const UNTIL = "kept-until";
const SIZE = "kept-size";
// Headers of what travelled, not of the text that came out of it.
const TRAVEL = ["content-encoding", "content-length", "transfer-encoding", "date"];

let turn = Promise.resolve();
let owner = "";

// One after the other: what is counted stays true while something is added.
function queued(work) {
  const done = turn.then(work, work);
  turn = done.catch(() => {});
  return done;
}

function address(key) {
  return `${location.origin}/copie?${new URLSearchParams({ key })}`;
}

export const timeOf = (copy) => new Date(Number(copy.headers.get(AT)));

export function keyOf(request) {
  return new URL(request.url).searchParams.get("key");
}

async function names() {
  return (await caches.keys()).filter((one) => one.startsWith(PREFIX));
}

async function clear() {
  owner = "";
  for (const one of await names()) await caches.delete(one);
}

export function forget() {
  return queued(clear);
}

// Whose the page is that an answer shows; false: nothing of it may be kept.
async function follows(response) {
  const told = response.headers.get("reader");
  if (response.status === 401 || told === self.BUILD.nobody) return clear();
  if (!told) return;
  const [account, seconds] = told.split(" ");
  if (!Number(seconds)) return clear();
  if (owner !== account) {
    for (const one of await names()) if (one !== PREFIX + account) await caches.delete(one);
    owner = account;
  }
  return { account, until: Date.now() + Number(seconds) * 1000 };
}

export function follow(response) {
  return queued(() => follows(response).then(() => {}));
}

export async function keep(key, response) {
  const body = response.headers.get("content-type")?.startsWith("text/html") ? await response.arrayBuffer() : null;
  return queued(async () => {
    const found = await follows(response);
    if (!found || !body || body.byteLength > LONGEST) return;
    const headers = new Headers(response.headers);
    for (const one of TRAVEL) headers.delete(one);
    headers.set(AT, Date.now());
    headers.set(UNTIL, found.until);
    headers.set(SIZE, body.byteLength);
    const cache = await caches.open(PREFIX + found.account);
    await cache.delete(address(key));
    await cache.put(address(key), new Response(body, { status: 200, headers }));
    await fit(cache);
  });
}

// The newest stay. `keys` gives them in the order in which they came.
async function fit(cache) {
  let count = 0;
  let octets = 0;
  for (const one of (await cache.keys()).reverse()) {
    const copy = await cache.match(one);
    count += 1;
    octets += Number(copy.headers.get(SIZE));
    if (count > MOST || octets > OCTETS) await cache.delete(one);
  }
}

// The newest copy tells how long the session would have lasted.
async function current() {
  const [name] = await names();
  const cache = name && (await caches.open(name));
  const last = cache && (await cache.keys()).at(-1);
  if (!last) return null;
  if (Number((await cache.match(last)).headers.get(UNTIL)) > Date.now()) return cache;
  await clear();
  return null;
}

export function kept(key) {
  return queued(async () => (await current())?.match(address(key)));
}

// What can be read, the newest first: whole pages, and letters that were opened beside the list, which opens them again.
export function readable() {
  return queued(async () => {
    const cache = await current();
    const found = new Map();
    for (const one of cache ? (await cache.keys()).reverse() : []) {
      const [kind, path] = keyOf(one).split(" ");
      const letter = /^\/m\/message\/(\d+)(?:\?|$)/.exec(path)?.[1];
      const address = kind === "page" ? path : letter ? `/m/#m${letter}` : "";
      if (address && !path.includes("/corps/") && !found.has(path)) found.set(path, { address, copy: await cache.match(one) });
    }
    return [...found.values()];
  });
}
