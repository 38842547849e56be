/* What the pad needs on its page and ipywidgets has no traits for. Is called with the pad's
   element and the drawing area's name. */
(pad, name) => {
  // The canvas becomes an application, since it takes keys itself; the status line becomes a live
  // region that stays while its text changes.
  const set = (where, key, value) => {
    const found = pad.querySelector(where);
    if (found?.getAttribute(key) != value) found?.setAttribute(key, value);
  };
  const role = () => {
    set(".hcr-paper", "role", "application");
    set(".hcr-paper", "aria-label", name);
    set(".hcr-status", "role", "status");
    // ipywidgets counts the files behind the name of a button for them.
    for (const text of pad.querySelector(".widget-upload")?.childNodes ?? [])
      if (text.nodeType == 3) text.data = text.data.replace(/ \(\d+\)$/, "");
    if (late && pad.querySelector(".hcr-answers") != unchanged) hide();
  };
  // The kernel draws the lines. Where it does not answer to a stroke soon, that is said.
  let late = 0, unchanged = null;
  const busy = document.createElement("div");
  busy.className = "hcr-busy";
  busy.setAttribute("role", "status");
  busy.textContent = "The kernel is busy; your drawing will appear.";
  const hide = () => {
    clearTimeout(late);
    late = 0;
    busy.remove();
  };
  const expect = (canvas, event) => {
    if (late || event.touches?.length > 1 || pad.querySelector(".widget-toggle-button.mod-active")) return;
    unchanged = pad.querySelector(".hcr-answers");
    late = setTimeout(() => canvas.isConnected && canvas.parentElement.append(busy), 700);
  };
  role();
  // It goes on: ipywidgets 7 makes the canvas anew where a keyboard leaves it.
  new MutationObserver(role).observe(pad, {childList: true, subtree: true});

  // Jupyter's server, unless told otherwise (docs/nodelay.py), holds a small message back until the
  // page has acknowledged the one before (Nagle), which it does with what it sends next, or after
  // 40 ms. A pointer that was lifted sends nothing more. So where the answer to the whole drawing is
  // not there at once, moves that mean nothing follow, until it is.
  const answered = () => pad.querySelector('.hcr-answers[data-whole="true"]')?.dataset.points;
  let drawing = false, timer = 0;
  const begins = event => {
    const canvas = event.target.closest(".hcr-paper");
    if (!canvas) return;
    drawing = true;
    clearTimeout(timer);
    expect(canvas, event);
  };
  const ends = event => {
    const canvas = event.target.closest(".hcr-paper");
    if (!canvas || !drawing) return;
    drawing = false;
    const before = answered(), last = performance.now() + 400;
    const move = () => {
      const now = answered();
      if (drawing || (now && now != before) || performance.now() > last) return;
      canvas.dispatchEvent(new MouseEvent("mousemove"));
      timer = setTimeout(move, 16);
    };
    timer = setTimeout(move, 32);
  };
  // On their way down: ipycanvas lets no touch go further than the canvas.
  for (const kind of ["mousedown", "touchstart"]) pad.addEventListener(kind, begins, true);
  for (const kind of ["mouseup", "mouseout", "touchend", "touchcancel"])
    pad.addEventListener(kind, ends, true);

  // ipycanvas keeps every key to itself. Those that the pad has no use for go on to JupyterLab and
  // the browser: Ctrl-S, Ctrl-B, F5. Undo and redo do not, nor copy and paste, which would be a
  // cell's; Ctrl-V still pastes, since its own action is let happen.
  const kept = /^[zycxva]$/i;
  const key = event => {
    if (!event.target.closest(".hcr-paper")) return;
    const command = event.ctrlKey || event.metaKey || event.altKey;
    const passed = (command && !kept.test(event.key)) || /^F\d/.test(event.key);
    if (passed) event.stopPropagation = () => {};
    if (passed || (command && /^v$/i.test(event.key))) event.preventDefault = () => {};
  };
  pad.addEventListener("keydown", key, true);
  // On its way up the key is JupyterLab's, which may keep it from the browser.
  pad.addEventListener("keydown", event => delete event.preventDefault);

  // A picture that is dropped or pasted goes the way of one that is chosen: the upload's button has
  // its input, which it asks for files, to itself.
  const put = files => {
    const input = HTMLInputElement.prototype, click = input.click;
    input.click = function () { this.files = files; this.dispatchEvent(new Event("change")); };
    try { pad.querySelector(".widget-upload").click(); } finally { input.click = click; }
  };
  const given = (event, data) => {
    if (event.type != "dragover" && !data?.files.length) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.type != "dragover") put(data.files);
  };
  for (const kind of ["dragover", "drop"])
    pad.addEventListener(kind, event => given(event, event.dataTransfer));
  const paste = event => {
    if (!pad.isConnected) return document.removeEventListener("paste", paste, true);
    if (pad.contains(document.activeElement)) given(event, event.clipboardData);
  };
  document.addEventListener("paste", paste, true);

  // "Run All" ends with the last cell in view. The pad comes back, at the top, until somebody goes
  // elsewhere; one who draws stays.
  const cell = pad.closest(".jp-Notebook .jp-Cell");
  const board = cell?.closest(".jp-WindowedPanel-outer, .jp-Notebook");
  if (!board) return;
  const back = () => {
    const off = pad.getBoundingClientRect().top - board.getBoundingClientRect().top - 4;
    if (Math.abs(off) > 8 && pad.offsetParent) board.scrollTop += off;
  };
  const events = ["wheel", "keydown", "pointerdown", "touchmove"];
  const leaves = event => event.isTrusted && (event.type == "wheel" || !pad.contains(event.target)) && stop();
  const watch = setInterval(back, 100);
  const stop = () => {
    clearInterval(watch);
    board.removeEventListener("scroll", back);
    for (const kind of events) document.removeEventListener(kind, leaves, true);
  };
  board.addEventListener("scroll", back);
  for (const kind of events) document.addEventListener(kind, leaves, true);
  setTimeout(stop, 30000);
}
