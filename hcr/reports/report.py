"""Executed notebooks and runs as self-contained HTML pages that open anywhere."""

from hcr.reports.index import index_html
from hcr.reports.inline import inline
from hcr.reports.notebook import notebook_html

__all__ = ["index_html", "inline", "notebook_html"]
