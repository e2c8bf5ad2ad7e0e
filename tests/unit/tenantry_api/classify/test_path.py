import pytest

from tenantry_api.classify.path import encode_path, parse_target
from tenantry_api.facts import Refusal, Target


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/w/vision/p/segmentation", ""),
        (b"/w/vision/p/segmentation/", "/"),
        (b"/w/vision/p/segmentation/api/2.0/mlflow/runs/get", "/api/2.0/mlflow/runs/get"),
        (b"/w/vision/p/segmentation/%61pi/x", "/api/x"),
        (b"/w/vision/p/segmentation/a%20b+c%C3%BC.txt", "/a b+cü.txt"),
        (b"/w/vision/p/segmentation/a%23b%3Fc%3Bd", "/a#b?c;d"),
        (b"/w/vision/p/segmentation/..a/.b/c..", "/..a/.b/c.."),
        (b"/w/vision/p/segmentation/100%25.txt", "/100%.txt"),
        (b"/%77/vision/p/segmentation/", None),
    ],
)
def test_an_address_is_decoded_once(raw: bytes, path: str | None) -> None:
    expected = None if path is None else Target("vision", "segmentation", path)
    assert parse_target(raw) == expected


@pytest.mark.parametrize("raw", [b"/", b"", b"/api/v1/me", b"/wx/vision", b"/W/vision/p/segmentation/"])
def test_what_is_not_below_w_is_nobody_s(raw: bytes) -> None:
    assert parse_target(raw) is None


@pytest.mark.parametrize(
    ("raw", "status", "reason"),
    [
        (b"/w", 404, "address"),
        (b"/w/", 404, "address"),
        (b"/w/vision", 404, "address"),
        (b"/w/vision/p/", 404, "address"),
        (b"/w/vision/q/segmentation/", 404, "address"),
        (b"/w/Vision/p/segmentation/", 404, "address"),
        (b"/w/-vision/p/segmentation/", 404, "address"),
        (b"/w/vision/p/" + b"a" * 41 + b"/", 404, "address"),
        (b"/w/_installation/p/x/", 404, "address"),
        (b"/w/vision/p/segmentation/experiments%2Fsearch", 400, "path_encoded_slash"),
        (b"/w/vision/p/segmentation/a%5cb", 400, "path_encoded_slash"),
        (b"/w/vision/p/segmentation/a\\b", 400, "path_character"),
        (b"/w/vision/p/segmentation//api", 400, "path_segment"),
        (b"/w//vision/p/segmentation/", 400, "path_segment"),
        (b"/w/vision/p/segmentation/../detection/", 400, "path_segment"),
        (b"/w/vision/p/segmentation/%2e%2E/detection/", 400, "path_segment"),
        (b"/w/vision/p/segmentation/a/./b", 400, "path_segment"),
        (b"/w/vision/p/segmentation/a/.", 400, "path_segment"),
        (b"/w/vision/p/segmentation/a%00b", 400, "path_character"),
        (b"/w/vision/p/segmentation/a%0Ab", 400, "path_character"),
        (b"/w/vision/p/segmentation/a%7Fb", 400, "path_character"),
        (b"/w/vision/p/segmentation/a%C2%85b", 400, "path_character"),
        (b"/w/vision/p/segmentation/a%FFb", 400, "path_encoding"),
        (b"/w/vision/p/segmentation/a\xffb", 400, "path_encoding"),
        (b"/w/vision/p/segmentation/a%C0%AFb", 400, "path_encoding"),
        (b"/w/vision/p/segmentation/a%2", 400, "path_escape"),
        (b"/w/vision/p/segmentation/a%zz", 400, "path_escape"),
        (b"/w/vision/p/segmentation/a#b", 400, "path_fragment"),
        (b"/w/vision/p/segmentation/" + b"a" * 8_000, 400, "path_too_long"),
    ],
)
def test_an_address_that_two_parsers_could_read_differently_is_refused(raw: bytes, status: int, reason: str) -> None:
    refusal = parse_target(raw)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.reason) == (status, reason)


def test_a_path_is_encoded_again_with_all_that_a_parser_could_take_for_syntax() -> None:
    assert encode_path("/a b/ü#?;%2e") == "/a%20b/%C3%BC%23%3F%3B%252e"
