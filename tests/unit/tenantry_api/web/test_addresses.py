from __future__ import annotations

import pytest

from tenantry_api.web.addresses import local_path


@pytest.mark.parametrize(
    "path", ["/", "/tokens", "/w/vision/p/segmentation/", "/audit/vision?project=a&before=3", "/a//b", "/w/x/p/y/#/z"]
)
def test_our_own_paths_are_kept(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "elsewhere",
    [
        "",
        "tokens",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\r\nSet-Cookie: x=y",
        "/a b",
        "/a\\b",
        "/é",
        "/" + "a" * 3000,
    ],
)
def test_everything_else_leads_home(elsewhere: str) -> None:
    assert local_path(elsewhere) == "/"
