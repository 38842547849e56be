"""A Voilà whose pages ask nothing of the network: its template has icons from a server elsewhere.

    uv run --extra voila voila --Voila.config_file_paths=docs notebooks/05_draw.ipynb

The browser leaves out what is not from here; the pad's icons come with Voilà itself.
"""

POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: ws: wss:"

c = get_config()  # noqa: F821
c.Voila.tornado_settings = {"headers": {"Content-Security-Policy": POLICY}}
