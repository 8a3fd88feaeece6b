// A letter that was to leave while there was no network: it leaves when there is one again, unless its author goes on writing.
// Its key lets it leave once, also if the first try had arrived after all (compose/message/versions.py).

export function waiting(desk) {
  let life = null;

  function stop() {
    life?.abort();
    life = null;
  }

  function until(act) {
    stop();
    life = new AbortController();
    const { signal } = life;
    const go = () => {
      stop();
      act();
    };
    addEventListener("online", go, { signal });
    document.addEventListener("reseau-revenu", go, { signal });
    desk.form.addEventListener("input", () => {
      stop();
      desk.say(desk.texts.hors);
    }, { signal });
    addEventListener("beforeunload", (event) => event.preventDefault(), { signal });
    desk.life.signal.addEventListener("abort", stop, { once: true, signal });
    desk.say(desk.texts.attendra);
    document.dispatchEvent(new CustomEvent("reseau-perdu"));
  }

  return { until, stop };
}
