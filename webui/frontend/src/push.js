// On the settings page: this browser is told while it is closed. It is asked by a button, never by itself.

const form = document.getElementById("abonner");
const texts = form ? JSON.parse(form.dataset.textes) : {};

function say(text) {
  form.querySelector("[role=status]").textContent = text;
}

const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window && isSecureContext;

// `applicationServerKey` in every browser: some do not take it as text.
function octets(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}

function written(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

async function subscription() {
  const { pushManager } = await navigator.serviceWorker.ready;
  const { cle } = await (await fetch("/compte/notifications", { headers: { Accept: "application/json" } })).json();
  // One of another person, or under a former key: the service's own endpoint is made anew.
  await (await pushManager.getSubscription())?.unsubscribe();
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: octets(cle) });
}

async function subscribe() {
  if ((await Notification.requestPermission()) !== "granted") {
    say(texts.refuse);
    return;
  }
  const made = await subscription();
  const body = new FormData(form);
  body.set("faire", "abonner");
  body.set("adresse", made.endpoint);
  body.set("cle", written(made.getKey("p256dh")));
  body.set("secret", written(made.getKey("auth")));
  const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(body) });
  const answer = await response.json();
  if (response.ok) {
    location.reload();
    return;
  }
  await made.unsubscribe();
  say(answer.texte);
}

if (form) {
  form.hidden = false;
  const button = form.querySelector("button");
  if (!able || "ici" in form.dataset) {
    button.hidden = true;
    say(able ? texts.ici : texts.sans);
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await subscribe();
    } catch {
      say(texts.panne);
    }
    button.disabled = false;
  });
}

document.querySelector("form[data-retirer]")?.addEventListener("submit", () => {
  navigator.serviceWorker?.ready.then(({ pushManager }) => pushManager.getSubscription()).then((one) => one?.unsubscribe());
});
