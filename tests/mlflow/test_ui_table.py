"""The committed table of the UI's files is the installed MLflow's."""

from __future__ import annotations

import io
from importlib.resources import files

from tenantry_backend import ui
from tests.support.mlflow import need_mlflow

COMMITTED = files("tenantry_api.classify").joinpath("mlflow_3_17_2_ui.json")


def test_the_table_is_the_installed_mlflow_s() -> None:
    need_mlflow()
    printed = io.StringIO()
    ui.main(printed)
    assert printed.getvalue() == COMMITTED.read_text(), "make it again with python -m tenantry_backend.ui"
