"use strict";
// Within a notebook's output a page has no address: links inside a run are followed from here, and
// one to a figure's or table's file, or out of the run, leads nowhere.
document.head.insertAdjacentHTML("beforeend", `<base target="_blank"><style>
  a[href^="figures/"], a[href^="tables/"], a[href^="../"] { color: inherit; text-decoration: none; pointer-events: none; }
</style>`);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const href = link ? link.getAttribute("href") : "";
  if (!href || /^[a-z]+:/i.test(href)) return;  // another site, in a tab of its own
  event.preventDefault();
  if (href.startsWith("#")) {
    const target = document.getElementById(decodeURIComponent(href.slice(1)));
    if (target) target.scrollIntoView();
    return;
  }
  const own = window.frameElement;
  const pages = own ? [...own.parentElement.parentElement.children] : [];
  const page = pages.find((each) => each.dataset.page === decodeURIComponent(href));
  if (!page) return;
  page.open = true;
  page.scrollIntoView();
});
