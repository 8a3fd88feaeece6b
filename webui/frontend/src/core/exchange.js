// A part of the page replaced by what the server answers. What failed never lands there: it is told (answers.js). Several
// bundles have a copy: what is under way is noted on what will be replaced.

const under = Symbol.for("echange");

function body(source, event) {
  const sent = new FormData(source, event?.submitter);
  return source.enctype === "multipart/form-data" ? sent : new URLSearchParams(sent);
}

function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

// `whole`: the element itself is replaced, not what is in it; `source`: the form that is sent, `event`: by which submission.
// `swapping` is called just before. True when there is something new.
export async function exchange(method, address, target, { whole = false, source, event, swapping } = {}) {
  const place = document.querySelector(target);
  place[under]?.abort(); // of two that are asked for one after the other only the later is wanted
  const control = new AbortController();
  if (method === "GET") place[under] = control;
  const headers = { "HX-Request": "true", "HX-Request-Type": "partial", Accept: "text/html" };
  let answer, text;
  try {
    answer = await fetch(address, { method, headers, signal: control.signal, body: method === "POST" ? body(source, event) : undefined });
    text = await answer.text();
  } catch (fault) {
    if (fault.name !== "AbortError") tell("sans-reponse");
    return false;
  }
  if (!answer.ok && answer.status !== 422) {
    tell("refus", { status: answer.status, method, address });
    return false;
  }
  if (answer.status === 204 || !place.isConnected) return false;
  const fresh = document.createElement("template");
  fresh.innerHTML = text;
  fresh.content.querySelector("title")?.remove();
  const wanted = fresh.content.querySelector("[autofocus]");
  swapping?.();
  if (whole) place.replaceWith(fresh.content);
  else place.replaceChildren(fresh.content);
  wanted?.focus();
  return true;
}
