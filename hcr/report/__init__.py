"""Executed notebooks and runs as self-contained HTML pages that open anywhere."""

from hcr.report.index import index_html
from hcr.report.inline import inline
from hcr.report.notebook import notebook_html

__all__ = ["index_html", "inline", "notebook_html"]
