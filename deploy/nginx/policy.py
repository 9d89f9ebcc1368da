"""Compute the site's content-security policy from its built pages, as a line for nginx.

    python deploy/nginx/policy.py > /etc/nginx/unrolled-policy.conf

A page may run the site's own files, and those inline scripts that the build put there: each is
named by its hash. Nothing else runs, whatever gets into a page.
"""

import base64
import hashlib
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
INLINE = re.compile(r"<script(?P<attributes>[^>]*)>(?P<text>.*?)</script>", re.DOTALL)
NOT_RUN = re.compile(r"\bsrc=|type=[\"']application/(ld\+)?json")
PYODIDE = re.compile(r'"pyodide":\s*"(https://[^"]+)"')


def policy(site: Path) -> str:
    """Return the policy of a built site.

    Raises:
        ValueError: there are no pages.
    """
    hashes: set[str] = set()
    elsewhere: set[str] = set()
    pages = sorted(site.rglob("*.html"))
    if not pages:
        raise ValueError(f"there are no pages in {site}; run make book first")
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for script in INLINE.finditer(text):
            if not NOT_RUN.search(script["attributes"]):
                digest = hashlib.sha256(script["text"].encode()).digest()
                hashes.add(f"'sha256-{base64.b64encode(digest).decode()}'")
        for address in PYODIDE.findall(text):
            parts = urlsplit(address)
            elsewhere.add(f"{parts.scheme}://{parts.netloc}{parts.path}")
    pyodide = " ".join(sorted(elsewhere))
    rules = {
        "default-src": "'none'",
        "script-src": f"'self' 'wasm-unsafe-eval' {pyodide} {' '.join(sorted(hashes))}",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": f"'self' {pyodide}",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {' '.join(value.split())}" for name, value in rules.items())


def main() -> int:
    """Print the line."""
    try:
        print(f'add_header Content-Security-Policy "{policy(SITE)}" always;')
    except ValueError as error:
        print(f"policy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
