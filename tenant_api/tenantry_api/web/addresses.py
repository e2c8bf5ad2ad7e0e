"""Where a page may send a browser to. Pure."""

from __future__ import annotations

import re

__all__ = ["local_path"]

# A path of ours as a browser reads it: one slash, then no second one. Browsers take a backslash for a slash, and drop
# tabs and line breaks before they look; so both are left out, like everything that has to be encoded in a header.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_LONGEST = 2048


def local_path(wanted: str, otherwise: str = "/") -> str:
    """`wanted` if it stays on this site, else `otherwise`."""
    return wanted if len(wanted) <= _LONGEST and _LOCAL.fullmatch(wanted) else otherwise
