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
    if (!event.target.closest(".hcr-paper")) return;
    drawing = true;
    clearTimeout(timer);
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
}
