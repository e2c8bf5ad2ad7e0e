"""A person at a browser, as far as signing in needs one: cookies, redirects, and a form to send."""

from __future__ import annotations

from html.parser import HTMLParser
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

__all__ = ["Person"]

_TIMEOUT = 30


class _Form(HTMLParser):
    """The first form of a page: where it goes, and its hidden fields."""

    def __init__(self, page: requests.Response) -> None:
        super().__init__()
        self.action = page.url
        self.fields: dict[str, str] = {}
        self._page = page.url
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = urljoin(self._page, named.get("action", ""))
        if tag == "input" and named.get("type") == "hidden":
            self.fields[named["name"]] = named["value"]


class Person:
    """Somebody at `url`, signed in with authorization code and PKCE as any browser would be."""

    def __init__(self, url: str, username: str) -> None:
        self.url = url
        self.username = username
        self._csrf = ""
        self._session = requests.Session()
        # Browsers take Secure cookies from a loopback address without TLS; the jar has to be told so.
        self._session.cookies.set_policy(DefaultCookiePolicy(secure_protocols=("http", "https")))

    def sign_in(self) -> None:
        picker = self._get("/login/start")
        asked = parse_qs(urlsplit(picker.url).query)
        assert asked["response_type"] == ["code"], picker.url
        assert asked["code_challenge_method"] == ["S256"], picker.url
        form = _Form(picker)
        page = self._session.post(form.action, {**form.fields, "user": self.username}, timeout=_TIMEOUT)
        page.raise_for_status()
        assert page.url.startswith(self.url), f"sign-in ended at {page.url}"
        self._csrf = self.api("GET", "/api/v1/me")["csrf_token"]

    @property
    def cookies(self) -> CookieJar:
        """To hand the session to a real browser."""
        return self._session.cookies

    def create_token(self, name: str) -> str:
        """A token for all that this person may do; its value is in the answer and nowhere else."""
        return str(self.api("POST", "/api/v1/tokens", json={"name": name})["token"])

    def api(self, method: str, path: str, **body: Any) -> Any:
        response = self._session.request(
            method,
            self.url + path,
            headers={"Origin": self.url, "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": self._csrf},
            timeout=_TIMEOUT,
            **body,
        )
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    def _get(self, path: str) -> requests.Response:
        page = self._session.get(self.url + path, timeout=_TIMEOUT)
        page.raise_for_status()
        return page
