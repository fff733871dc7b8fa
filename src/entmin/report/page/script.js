"use strict";
(() => {
  const panel = document.getElementById("token");
  const buttons = document.querySelectorAll(".which");
  let here = null;

  function cell(row, text, kind) {
    const made = document.createElement(kind || "td");
    made.textContent = text;
    row.appendChild(made);
  }

  function show(token) {
    if (here) here.classList.remove("here");
    here = token;
    panel.hidden = !token;
    if (!token) return;
    token.classList.add("here");
    panel.replaceChildren();
    const head = document.createElement("p");
    const nats = [token.dataset.b && `${token.dataset.b} nats before`, token.dataset.a && `${token.dataset.a} after`];
    head.textContent = `“${token.textContent.replace(/\n/g, "⏎")}”: ` + (nats.filter(Boolean).join(", ") || "not recorded");
    panel.appendChild(head);
    if (!token.dataset.top) return;
    const table = document.createElement("table");
    for (const line of token.dataset.top.split("\n")) {
      const cut = line.indexOf("\t");
      const row = document.createElement("tr");
      cell(row, line.slice(cut + 1), "th");
      cell(row, line.slice(0, cut));
      table.appendChild(row);
    }
    panel.appendChild(table);
  }

  function step(answer, key) {
    const tokens = Array.from(answer.querySelectorAll(".t"));
    const at = tokens.indexOf(here);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: tokens.length - 1 }[key];
    if (to === undefined) return false;
    const next = tokens[Math.max(0, Math.min(tokens.length - 1, to))];
    show(next);
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  for (const answer of document.querySelectorAll(".answer")) {
    answer.addEventListener("pointerover", (event) => {
      if (event.target.classList.contains("t")) show(event.target);
    });
    answer.addEventListener("keydown", (event) => {
      if (event.key === "Escape") show(null);
      else if (step(answer, event.key)) event.preventDefault();
    });
  }
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const after = document.body.classList.toggle("after");
      for (const one of buttons) one.setAttribute("aria-pressed", String(after));
    });
  }
})();
