"use strict";
(() => {
  // Works without it too: the code is folded by the browser, a long table keeps its order, a figure
  // stands beside the tables of what it shows. In Jupyter the root is one figure's output.
  const root = document.currentScript.parentElement;
  const folded = [...root.querySelectorAll("details.code")];
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

  root.classList.add("scripted");
  const make = (tag, name, text = "") => {
    const made = document.createElement(tag);
    made.className = name;
    made.textContent = text;
    if (tag === "button") made.type = "button";
    return made;
  };

  // What scrolls sideways pales at its right edge until its end is in view.
  for (const box of root.querySelectorAll(".hcr-scroll, .hcr-table, .box")) {
    const look = () =>
      box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 4);
    box.addEventListener("scroll", look, { passive: true });
    new ResizeObserver(look).observe(box);
  }

  // Any figure in a window of its own, first whole; a click, "+" and "-" change its size.
  const full = make("dialog", "full");
  const tools = make("form", "");
  tools.method = "dialog";
  const frame = make("div", "");
  frame.tabIndex = 0;
  full.append(tools, frame);
  for (const [text, name, by] of [["\u2212", "Smaller", 1 / 1.5], ["+", "Larger", 1.5]]) {
    const button = make("button", "", text);
    button.setAttribute("aria-label", name);
    button.addEventListener("click", () => {
      const image = frame.querySelector("img");
      image.style.width = `${image.offsetWidth * by}px`;
    });
    tools.append(button);
  }
  tools.append(make("button", "", "Close"));
  tools.lastChild.type = "submit";
  full.addEventListener("click", (event) => {
    if (event.target === full) full.close();
  });
  root.append(full);
  const enlarge = (image, reaction) => {
    const copy = image.cloneNode();
    const [width, height] = [image.getAttribute("width"), image.getAttribute("height")].map(Number);
    const most = Math.min(innerWidth - 48, ((innerHeight - 120) * width) / height);
    copy.style.cssText = `width:${most}px;height:auto`;
    if (!reaction) {
      copy.addEventListener("click", () => {
        const whole = copy.offsetWidth < most + 1;
        copy.style.width = `${whole ? Math.max(1.5 * width, 2 * most) : most}px`;
        copy.style.cursor = whole ? "zoom-out" : "";
      });
    }
    full.setAttribute("aria-label", image.alt);
    frame.replaceChildren(copy);
    full.showModal();
    tools.lastChild.focus();
    if (reaction) react(copy, reaction);
  };

  // Figures that react: their places, in one block of data, are shares of the image.
  const block = root.querySelector("#hcr-data");
  const reactions = block ? JSON.parse(block.textContent) : [];
  const panel = make("section", "hcr-panel");
  panel.hidden = true;
  panel.setAttribute("aria-label", "Images");
  panel.setAttribute("aria-live", "polite");
  const said = make("p", "");
  const closing = make("button", "", "Close");
  const strip = make("ul", "");
  panel.append(said, closing, strip);
  let opener = null;
  const close = () => {
    panel.hidden = true;
    if (opener && opener.isConnected) opener.focus({ preventScroll: true });
    opener = null;
  };
  closing.addEventListener("click", close);
  // Before a dialog hears of it: the first Escape closes the images, the next one the figure.
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || panel.hidden) return;
    event.preventDefault();
    close();
  }, true);
  full.addEventListener("close", close);

  const tiled = (reaction, tile) => {
    const { png, columns, side } = reaction.sprite;
    if (!reaction.image) {
      reaction.image = new Image();
      reaction.image.src = `data:image/png;base64,${png}`;
    }
    const canvas = make("canvas", "");
    canvas.width = canvas.height = side;
    canvas.setAttribute("aria-hidden", "true");
    reaction.image.decode().then(() => {
      const [x, y] = [tile % columns, Math.floor(tile / columns)];
      canvas.getContext("2d").drawImage(reaction.image, x * side, y * side, side, side, 0, 0, side, side);
    });
    return canvas;
  };

  const open = (box, reaction, place) => {
    const [text, total, tiles] = place.slice(4);
    if (!tiles.length) return;
    said.textContent = total > tiles.length ? `${text} The first ${tiles.length} of ${total.toLocaleString("en")}:` : text;
    strip.replaceChildren(...tiles.map((tile) => {
      const item = make("li", "");
      item.append(tiled(reaction, tile), make("span", "", reaction.texts[tile]));
      return item;
    }));
    (box.closest("dialog") || document.body).append(panel);
    panel.hidden = false;
    opener = box;
    // The place stays in view above its images.
    for (const mark of document.querySelectorAll(".mark")) mark.hidden = mark.parentNode !== box;
    const edge = box.querySelector(".mark").getBoundingClientRect();
    const below = edge.bottom + 8 - panel.getBoundingClientRect().top;
    if (below > 0) (box.closest("dialog div") || window).scrollBy(0, below);
  };

  // A row of buttons above a figure, one for each group of its places: the chosen one lights up, the
  // rest pales.
  const light = (box, reaction) => {
    const row = make("div", "lights");
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Light up");
    const veil = make("canvas", "veil");
    const names = [...new Set(reaction.places.map((each) => each[7]))].filter(Boolean);
    const words = new Intl.Collator("en", { numeric: true, caseFirst: "upper" });
    for (const name of names.sort(words.compare)) {
      const button = make("button", "", name);
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        for (const each of row.children) each.setAttribute("aria-pressed", String(on && each === button));
        if (!on) return veil.remove();
        const image = box.querySelector("img");
        const pad = parseFloat(getComputedStyle(image).paddingLeft) + image.clientLeft;
        veil.style.cssText = `left:${pad}px;top:${pad}px;width:calc(100% - ${2 * pad}px);height:calc(100% - ${2 * pad}px)`;
        [veil.width, veil.height] = [image.offsetWidth, image.offsetHeight].map((side) => 2 * (side - 2 * pad));
        const drawn = veil.getContext("2d");
        drawn.fillStyle = "#fffd";
        drawn.fillRect(0, 0, veil.width, veil.height);
        for (const [left, top, right, bottom, , , , group] of reaction.places) {
          if (group !== name) continue;
          const dot = right - left < 1e-6 ? 14 : 0;
          drawn.clearRect(left * veil.width - dot, top * veil.height - dot,
            (right - left) * veil.width + 2 * dot, (bottom - top) * veil.height + 2 * dot);
        }
        image.after(veil);
      });
      row.append(button);
    }
    if (names.length) box.before(row);
  };

  const react = (image, reaction) => {
    const places = reaction.places;
    const pictures = places.some((each) => each[6].length);
    const box = make("span", "hcr-places");
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    const keys = pictures ? "Arrow keys: the places; Enter: images." : "Arrow keys: the places.";
    box.setAttribute("aria-label", `${image.alt} ${keys}`);
    const mark = make("span", "mark");
    const tip = make("span", "tip");
    tip.setAttribute("role", "status");
    mark.hidden = tip.hidden = true;
    image.before(box);
    box.append(image, mark, tip);
    light(box, reaction);
    let now = -1;

    const size = () => {
      const pad = parseFloat(getComputedStyle(image).paddingLeft) + image.clientLeft;
      return [pad, image.offsetWidth - 2 * pad, image.offsetHeight - 2 * pad];
    };
    const show = (at) => {
      now = at;
      mark.hidden = tip.hidden = at < 0;
      if (at < 0) return;
      const [left, top, right, bottom, text, , tiles, group] = places[at];
      const [pad, width, height] = size();
      const dot = right - left < 1e-6 ? 5 : 0;
      mark.classList.toggle("dot", dot > 0);
      mark.style.cssText = `left:${pad + left * width - dot}px;top:${pad + top * height - dot}px;` +
        `width:${(right - left) * width + 2 * dot}px;height:${(bottom - top) * height + 2 * dot}px`;
      tip.textContent = text;
      if (group && tiles.length) tip.append(tiled(reaction, tiles[0])); // the place is an image's
      const edge = mark.getBoundingClientRect();
      tip.style.left = tip.style.top = 0;
      const from = tip.getBoundingClientRect(); // of the window, but in JupyterLab of a cell
      const x = Math.min(edge.right + 8, innerWidth - tip.offsetWidth - 8);
      const above = edge.top - tip.offsetHeight - 6;
      tip.style.left = `${Math.max(8, x) - from.left}px`;
      tip.style.top = `${(above > 8 ? above : edge.bottom + 6) - from.top}px`;
    };
    const find = (event) => {
      const [pad, width, height] = size();
      const edge = image.getBoundingClientRect();
      const [x, y] = [event.clientX - edge.left - pad, event.clientY - edge.top - pad];
      let [best, least] = [-1, 18];
      places.forEach(([left, top, right, bottom], at) => {
        const across = Math.max(left * width - x, x - right * width, 0);
        const down = Math.max(top * height - y, y - bottom * height, 0);
        const far = Math.hypot(across, down);
        if (far < least) [best, least] = [at, far];
      });
      return best;
    };
    // The nearest place to the side of an arrow key; what is straight ahead counts as nearer.
    const step = (dx, dy) => {
      const middle = ([left, top, right, bottom]) => [left + right, top + bottom];
      const [x, y] = middle(places[now]);
      let [best, least] = [now, Infinity];
      places.forEach((each, at) => {
        const [ex, ey] = middle(each);
        const ahead = (ex - x) * dx + (ey - y) * dy;
        const aside = Math.abs((ex - x) * dy) + Math.abs((ey - y) * dx);
        if (ahead > 1e-4 && ahead + 4 * aside < least) [best, least] = [at, ahead + 4 * aside];
      });
      show(best);
    };
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    box.addEventListener("pointermove", (event) => show(find(event)));
    const leave = () => {
      if (panel.hidden || opener !== box) show(-1);
      else tip.hidden = true; // which place the images are of stays marked
    };
    box.addEventListener("pointerleave", leave);
    box.addEventListener("blur", leave);
    box.addEventListener("click", (event) => {
      show(find(event));
      box.focus({ preventScroll: true });
      if (now >= 0) open(box, reaction, places[now]);
      else if (!box.closest("dialog")) enlarge(image, reaction);
    });
    box.addEventListener("keydown", (event) => {
      if (steps[event.key]) {
        if (now < 0) show(0);
        else step(...steps[event.key]);
        if (!panel.hidden) open(box, reaction, places[now]);
      } else if ((event.key === "Enter" || event.key === " ") && now >= 0) {
        open(box, reaction, places[now]);
      } else return;
      event.preventDefault();
    });
  };

  for (const image of root.querySelectorAll(".hcr-scroll img")) {
    const figure = image.closest(".hcr-figure");
    const reaction = reactions[figure.dataset.reaction];
    const button = make("button", "", "Enlarge");
    button.setAttribute("aria-label", `Enlarge: ${image.alt}`);
    button.addEventListener("click", () => enlarge(image, reaction));
    image.closest(".hcr-scroll").after(button);
    if (!reaction) {
      image.addEventListener("click", () => enlarge(image));
      continue;
    }
    react(image, reaction);
    const pictures = reaction.places.some((each) => each[6].length);
    const hint = pictures ? "Point at a place for its figures, click it for its images." : "Point at a place for its figures.";
    (figure.querySelector("figcaption") || figure).append(make("span", "hint", ` ${hint}`));
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
  // A row is kept where all words are in it; one character, where it is a cell, is a class.
  const filter = (table) => {
    const rows = [...table.tBodies[0].rows];
    const box = make("p", "filter");
    const field = make("input", "");
    const count = make("span", "note");
    field.type = "search";
    field.placeholder = "Filter";
    field.setAttribute("aria-label", `Filter: ${table.caption ? table.caption.textContent : "rows"}`);
    count.setAttribute("role", "status");
    field.addEventListener("input", () => {
      const given = field.value.trim();
      const cell = (row) => [...row.cells].some((each) => each.textContent.trim() === given);
      const alone = [...given].length === 1 && rows.some(cell);
      const has = (row) => given.toLowerCase().split(/\s+/).every((word) =>
        row.textContent.toLowerCase().includes(word));
      for (const row of rows) row.hidden = !(alone ? cell(row) : has(row));
      count.textContent = given ? `${rows.filter((row) => !row.hidden).length} of ${rows.length}` : "";
    });
    box.append(field, count);
    table.closest(".hcr-table, .box").before(box);
  };
  for (const table of root.querySelectorAll(".hcr-table:not(.kept) table, table.parameters")) {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 8) continue;
    // A row without a name belongs to the one above it.
    if ([...body.rows].some((row) => !row.cells[0].textContent.trim())) continue;
    if (body.rows.length > 8 && !table.closest(".results")) filter(table);
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
