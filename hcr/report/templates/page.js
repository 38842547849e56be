"use strict";
(() => {
  // Works without it too: the code is folded by the browser, a long table keeps its order.
  const folded = [...document.querySelectorAll("details.code")];
  const button = document.getElementById("show-code");
  if (button && folded.length) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const show = button.getAttribute("aria-pressed") !== "true";
      for (const each of folded) each.open = show;
      button.setAttribute("aria-pressed", String(show));
      button.textContent = show ? "Hide all code" : "Show all code";
    });
  }

  const contents = document.querySelector(".contents details");
  if (contents && matchMedia("(max-width: 68rem)").matches) contents.open = false;

  const key = (row, at) => {
    const text = row.cells[at].textContent.trim();
    const number = parseFloat(text.replace(/[,\s]/g, ""));
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b
      : typeof a === typeof b ? a.localeCompare(b)
      : typeof a === "number" ? -1 : 1;
  for (const table of document.querySelectorAll(".hcr-table table")) {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 8) continue;
    [...table.tHead.rows[0].cells].forEach((head, at) => {
      const sort = document.createElement("button");
      sort.type = "button";
      sort.append(...head.childNodes);
      sort.title = "Sort by this column";
      head.append(sort);
      sort.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].sort((a, b) => compare(key(a, at), key(b, at)));
        body.append(...(down ? rows.reverse() : rows));
      });
    });
  }
})();
