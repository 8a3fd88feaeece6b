// The agenda with a pointer, a finger or a keyboard: choose agendas without a button, move, resize, copy and draw events, see
// one beside the grid, turn pages on a phone.
//
// Everything here fills a form of the page, or follows one of its links: the server decides, asks which occurrences are
// meant, and offers to take it back. Without this script the same is done on the page of the event.

import "./agenda/moving.js";
import "./agenda/panel.js";
import "./agenda/phone.js";

document.body.classList.add("avec-script");
const chooser = document.getElementById("choix-agendas");
chooser?.addEventListener("change", () => chooser.requestSubmit());
document.getElementById("imprimer")?.addEventListener("click", () => print());
