// "Sending in 10 seconds", then what became of it: the server is asked when the time is over.

export function follow(box, done = () => {}) {
  async function look() {
    let answer;
    try {
      answer = await (await fetch(box.dataset.envoi)).json();
    } catch {
      setTimeout(look, 5000);
      return;
    }
    if (answer.etat === "attend") {
      setTimeout(look, 1000);
      return;
    }
    box.querySelector("form")?.remove();
    const text = box.querySelector("p");
    text.textContent = answer.texte;
    if (answer.etat === "brouillon") {
      box.classList.replace("bon", "erreur");
      const link = document.createElement("a");
      link.href = answer.adresse;
      link.textContent = text.textContent;
      text.replaceChildren(link);
    }
    done();
  }

  const seconds = Number(/\d+/.exec(box.textContent)?.[0] ?? 1);
  setTimeout(look, seconds * 1000 + 500);
}
