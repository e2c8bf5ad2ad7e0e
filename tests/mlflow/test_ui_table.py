"""The committed table of the UI's files is the installed MLflow's."""

from __future__ import annotations

import io
from importlib.resources import files

from tenantry_backend import ui
from tests.support.mlflow import need_mlflow
from tests.support.requests import table

COMMITTED = files("tenantry_api.classify").joinpath("mlflow_3_17_2_ui.json")


def test_the_table_is_the_installed_mlflow_s() -> None:
    need_mlflow()
    printed = io.StringIO()
    ui.main(printed)
    assert printed.getvalue() == COMMITTED.read_text(), "make it again with python -m tenantry_backend.ui"


def test_every_file_has_a_type_and_a_length() -> None:
    assert len(table().files) > 400
    for file in table().files.values():
        assert file.content_type
        assert sum(size for size, _ in file.pieces) == file.size
