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

  // A figure that is wider than its place is shown whole there, and in full size on a click.
  document.documentElement.classList.add("scripted");
  const full = document.createElement("dialog");
  full.className = "full";
  full.innerHTML = '<form method="dialog"><button autofocus>Close</button></form><div tabindex="0"></div>';
  full.addEventListener("click", (event) => {
    if (event.target === full) full.close();
  });
  document.body.append(full);
  const enlarge = (image) => {
    const copy = image.cloneNode();
    copy.style.maxWidth = "none";
    full.setAttribute("aria-label", image.alt);
    full.lastElementChild.replaceChildren(copy);
    full.showModal();
  };
  const fit = (image, button) => {
    // Of a little less than its size all can still be read.
    button.hidden = image.offsetWidth > 0.85 * Number(image.getAttribute("width"));
    image.classList.toggle("small", !button.hidden);
  };
  for (const image of document.querySelectorAll(".hcr-scroll img")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Full size";
    button.setAttribute("aria-label", `Full size: ${image.alt}`);
    button.addEventListener("click", () => enlarge(image));
    image.addEventListener("click", () => button.hidden || enlarge(image));
    image.closest(".hcr-scroll").after(button);
    new ResizeObserver(() => fit(image, button)).observe(image);
    fit(image, button);
  }

  // "1,234", "12.3 %", "−0.5 (−1 to 0)", "< 0.001", "5 ms": the number, and what stands behind it.
  const NUMBER = /^([<>]?)\s*([+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)\s*(\p{L}*|%)\s*(?:\(.*\))?$/iu;
  const text = (row, at) => row.cells[at].textContent.replace(/\u2212/g, "-").trim();
  const missing = (given) => /^(|\u2013|n\/a)$/.test(given);
  const number = (given) => {
    const found = NUMBER.exec(given);
    const value = found ? Number(found[2].replace(/,/g, "")) : NaN;
    return found && found[1] ? value + (found[1] === "<" ? -1e-9 : 1e-9) : value;
  };
  const words = new Intl.Collator("en", { numeric: true });
  // What compares two texts of a column: as numbers where all are, in one unit.
  const order = (given) => {
    const known = given.filter((each) => !missing(each)).map((each) => NUMBER.exec(each));
    const numbers = known.every(Boolean) && new Set(known.map((each) => each[3])).size < 2;
    return numbers ? (a, b) => number(a) - number(b) : words.compare;
  };
  const sort = (table, at, down) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [row, text(row, at)]);
    const compare = order(rows.map((each) => each[1]));
    rows.sort(([, a], [, b]) =>
      missing(a) || missing(b) ? missing(a) - missing(b) : (down ? -1 : 1) * compare(a, b));
    body.append(...rows.map((each) => each[0]));
  };
  for (const table of document.querySelectorAll(".hcr-table:not(.kept) table, table.parameters")) {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 8) continue;
    // A row without a name belongs to the one above it.
    if ([...body.rows].some((row) => !row.cells[0].textContent.trim())) continue;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.title = "Sort by this column";
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const each of heads) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(table, at, down);
      });
    });
  }
})();
