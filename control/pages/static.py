"""The style sheet, the script and the icon: few files, named by their content, kept by browsers for good."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

router = APIRouter(include_in_schema=False)

_TYPES: Final = {
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@cache
def _content(name: str) -> bytes:
    return files("control").joinpath("static", name).read_bytes()


@cache
def versioned(name: str) -> str:
    """The address of a file, changed whenever its content is."""
    return f"/static/{name}?v={hashlib.sha256(_content(name)).hexdigest()[:12]}"


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """One of the files."""
    if name not in _TYPES:
        raise HTTPException(404, "there is no such file")
    fresh = f"/static/{name}?{request.url.query}" == versioned(name)
    cache = "public, max-age=31536000, immutable" if fresh else "no-cache"
    return Response(_content(name), media_type=_TYPES[name], headers={"cache-control": cache})
