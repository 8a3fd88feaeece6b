// The bars of the editor: one tab stop each; arrows, Home and End move within (ARIA Authoring Practices, toolbar).

export function toolbar(bar, leave) {
  const buttons = [...bar.querySelectorAll("button")];
  buttons[0].tabIndex = 0;
  bar.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      return leave();
    }
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    buttons.forEach((one) => (one.tabIndex = -1));
    const next = buttons[(to + buttons.length) % buttons.length];
    next.tabIndex = 0;
    next.focus();
  });
  // The text keeps the focus, and what is chosen in it.
  bar.addEventListener("mousedown", (event) => event.preventDefault());
  return () => buttons.find((one) => !one.tabIndex).focus();
}
