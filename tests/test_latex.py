"""Tables in LaTeX, set by LaTeX itself where there is one (Debian: texlive-latex-recommended)."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import report_sample as sample

from hcr.reports import tables

DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs,longtable}
\begin{document}
\ref{tab:quick:01_short-x} \ref{tab:quick:01_long}
\input{short}
\input{long}
\end{document}
"""


def test_a_row_may_begin_with_what_a_lines_end_would_take():
    r"""`\\*` forbids a page's end, and `\\[` begins a length: the sign itself would be gone."""
    text = tables.latex(pd.DataFrame({"name": ["* a", "[b]"]}), "Two", {}, "tab:x")
    assert "\n{*} a \\\\\n{[}b] \\\\\n" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_a_short_and_a_long_table_with_every_letter_are_set(tmp_path):
    every = "".join(map(chr, range(32, 127))) + "".join(chr(n) for n in tables.TEX if n > 127)
    names = ["R&D_1", '#1 <"[|]>', "[after a line's end", "* and so", "“quoted”", every]
    frame = pd.DataFrame({"name [x]": names, "n": range(6), "share": [0.98, np.nan, *[-0.5] * 4]})
    long = pd.concat([sample.unsorted()] * 9, ignore_index=True)
    for name, made, label in (("short", frame, "short-x"), ("long", long, "long")):
        text = tables.latex(made, f"[It] {every}", {"share": ".1%"}, f"tab:quick:01_{label}")
        (tmp_path / f"{name}.tex").write_text(text, encoding="utf-8")
    (tmp_path / "main.tex").write_text(DOCUMENT)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    for _ in range(2):  # the second time it knows the references
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, errors="replace"
        )
        assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "main.log").read_text(encoding="latin-1")
    assert "Missing character" not in log
    assert "undefined" not in log
    assert (tmp_path / "main.pdf").stat().st_size > 10_000
