# ruff: noqa: E501 - a document is a line

import json

import pytest
from graphql import parse, print_ast

from tenantry_api.facts import Kind, Permission, Resource
from tests.support.requests import RUN, accepted, refused, table

RUN_QUERY = """query GetRun($data: MlflowGetRunInput!) @component(name: "MLflow.ExperimentRunTracking") {
  mlflowGetRun(input: $data) { apiError { code __typename } run { info { runUuid __typename } } __typename }
}"""
VARIABLES = {"data": {"runId": RUN}}


def _request(query: str, variables: object = VARIABLES, name: str | None = "GetRun") -> dict[str, object]:
    return {"operationName": name, "query": query, "variables": variables}


def test_a_query_of_the_ui_is_printed_again_and_names_what_it_reads() -> None:
    action = accepted("POST", "/graphql", _request(RUN_QUERY))
    assert (action.operation, action.kind) == ("graphql.GetRun", Kind.READ)
    assert (action.permission, action.resources) == (Permission.TRACKING_READ, (Resource("run", RUN),))
    sent = json.loads(action.body or b"")
    assert sent == {"operationName": "GetRun", "query": print_ast(parse(RUN_QUERY)), "variables": VARIABLES}


@pytest.mark.parametrize(
    ("name", "variables", "named"),
    [
        ("GetRun", {"data": {"runId": RUN}}, {Resource("run", RUN)}),
        (
            "SearchRuns",
            {"data": {"filter": "", "experimentIds": ["7", "8"]}},
            {Resource("experiment", each) for each in "78"},
        ),
        ("MlflowGetExperimentQuery", {"input": {"experimentId": "7"}}, {Resource("experiment", "7")}),
        ("GetMetricHistoryBulkInterval", {"data": {"runIds": [RUN], "metricKey": "loss"}}, {Resource("run", RUN)}),
    ],
)
def test_every_document_of_the_ui_is_known(name: str, variables: object, named: set[Resource]) -> None:
    known = table().graphql[name][0]
    assert known.name == name
    action = accepted("POST", "/graphql", _request(DOCUMENTS[name], variables, name))
    assert set(action.resources) == named


def test_the_ui_has_no_other_documents() -> None:
    assert table().graphql.keys() == DOCUMENTS.keys()


DOCUMENTS = {
    "GetRun": RUN_QUERY,
    "SearchRuns": "query SearchRuns($data: MlflowSearchRunsInput!) { mlflowSearchRuns(input: $data) { runs { info { runUuid } } } }",
    "MlflowGetExperimentQuery": (
        'query MlflowGetExperimentQuery($input: MlflowGetExperimentInput!) @component(name: "MLflow.ExperimentRunTracking")'
        " { mlflowGetExperiment(input: $input) { experiment { name } } }"
    ),
    "GetMetricHistoryBulkInterval": (
        "query GetMetricHistoryBulkInterval($data: MlflowGetMetricHistoryBulkIntervalInput!)"
        ' @component(name: "MLflow.ExperimentRunTracking") { mlflowGetMetricHistoryBulkInterval(input: $data) { __typename } }'
    ),
}
HEAD = RUN_QUERY.partition("{")[0]
ROOT = "mlflowGetRun(input: $data)"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (f"{HEAD} {{ a: {ROOT} {{ __typename }} }}", "graphql"),
        (f"{HEAD} {{ {ROOT} {{ __typename }} {ROOT} {{ __typename }} }}", "graphql"),
        (f"{HEAD} {{ {ROOT} {{ run {{ name: info {{ runUuid }} }} }} }}", "graphql"),
        (f"{HEAD} {{ {ROOT} {{ run {{ secret }} }} }}", "graphql"),
        (f"{HEAD} {{ {ROOT} {{ run(x: 1) {{ info {{ runUuid }} }} }} }}", "graphql"),
        (f"{HEAD} {{ {ROOT} {{ run @skip(if: false) {{ info {{ runUuid }} }} }} }}", "graphql"),
        (f"{HEAD} {{ {ROOT} {{ ... on MlflowGetRunResponse {{ __typename }} }} }}", "graphql"),
        (f"{HEAD} {{ {ROOT} {{ ...f }} }} fragment f on MlflowGetRunResponse {{ __typename }}", "graphql"),
        (f'{HEAD} {{ mlflowGetRun(input: {{runId: "x"}}) {{ __typename }} }}', "graphql"),
        (f"{HEAD} {{ mlflowSearchRuns(input: $data) {{ __typename }} }}", "graphql"),
        (f"{HEAD} {{ __schema {{ types {{ name }} }} }}", "graphql"),
        (RUN_QUERY.replace("query GetRun", "mutation GetRun"), "graphql"),
        (RUN_QUERY.replace("query GetRun", "query Other"), "graphql"),
        (RUN_QUERY.replace("@component", "@include"), "graphql"),
        (RUN_QUERY + RUN_QUERY.replace("GetRun(", "Second("), "graphql"),
        ("{ mlflowGetRun { __typename } }", "graphql"),
        ("query {", "graphql_syntax"),
        ("", "graphql_syntax"),
        ("{" + "a {" * 5_000, "graphql_syntax"),
    ],
)
def test_a_document_of_one_s_own_is_refused(query: str, reason: str) -> None:
    assert refused("POST", "/graphql", _request(query)).reason == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (_request(RUN_QUERY, {"data": {"runId": RUN, "x": 1}}), "unknown_field"),
        (_request(RUN_QUERY, {"data": {"runId": "x"}}), "run_id"),
        (_request(RUN_QUERY, {"data": {"run_id": RUN}}), "graphql_variables"),
        (_request(RUN_QUERY, {"data": {"runId": RUN, "runUuid": RUN[::-1]}}), "two_spellings"),
        (_request(RUN_QUERY, {"data": VARIABLES["data"], "more": {}}), "graphql_variables"),
        (_request(RUN_QUERY, {}), "graphql_variables"),
        (_request(RUN_QUERY, None), "graphql_request"),
        (_request(RUN_QUERY, name="SearchRuns"), "graphql"),
        ({**_request(RUN_QUERY), "extensions": {}}, "graphql_request"),
        ({"query": 1, "variables": {}}, "graphql_request"),
        ([_request(RUN_QUERY)], "json_object"),
    ],
)
def test_variables_are_checked_like_the_parameters_of_the_rest_call(body: object, reason: str) -> None:
    assert refused("POST", "/graphql", body).reason == reason


def test_graphql_by_get_is_refused() -> None:
    assert refused("GET", "/graphql?query=x").reason == "unknown_parameter"
    assert refused("GET", "/graphql").reason == "graphql_request"
