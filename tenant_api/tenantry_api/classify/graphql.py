"""The GraphQL that MLflow's UI sends: four queries of one root field each. All else is refused.

One GraphQL request may ask for many things under many names, so it is not authorized as it comes. The document must be
one of the UI's: the same operation, root field and variable, no fragment, alias, argument or directive of its own, and
no field that the UI does not ask for. It is printed again from the syntax tree, and its variables are checked against
the protobuf request that MLflow makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from graphql import (
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    print_ast,
)

from tenantry_api.classify.refuse import RefusedError, forbidden, malformed
from tenantry_api.classify.schema import Message

__all__ = ["Operation", "Request", "camel_case", "known_operation", "read_request", "snake_case"]

# The UI's largest document has about 150.
_MAX_TOKENS: Final = 1_000
_KEYS: Final = frozenset({"operationName", "query", "variables"})
# Apollo, the UI's client, adds it to every selection.
_TYPE_NAME: Final = "__typename"
_UNDERSCORE: Final = re.compile(r"_([a-z])")
_UPPER: Final = re.compile(r"[A-Z]")


@dataclass(frozen=True, slots=True)
class Operation:
    """One of the UI's documents: what of it a request may ask for."""

    name: str
    # `GetRun`: the REST call that the root field `mlflowGetRun` stands for; its policy and its schema hold.
    rpc: str
    head: str
    fields: frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Request:
    """A document that was found to be the UI's, with the fields of its one variable."""

    operation: Operation
    document: str
    variable: str
    values: Mapping[str, object]


def known_operation(document: str) -> Operation:
    """Reads a document of the generated table."""
    definition = _definition(document)
    root = _root(definition)
    fields = frozenset(_fields(root.selection_set, ()))
    return Operation(_name(definition), root.name.value.removeprefix("mlflow"), _head(definition), fields)


def read_request(body: Mapping[str, object], known: Mapping[str, Operation]) -> Request:
    query, variables = body.get("query"), body.get("variables")
    if not _KEYS.issuperset(body) or not isinstance(query, str) or not isinstance(variables, dict):
        raise malformed("graphql_request", "A GraphQL request has operationName, query and variables, and no more.")
    definition = _definition(query)
    operation = known.get(_name(definition))
    if operation is None or body.get("operationName") not in {operation.name, None}:
        raise _not_the_uis()
    root = _root(definition)
    if _head(definition) != operation.head or not operation.fields.issuperset(_fields(root.selection_set, ())):
        raise _not_the_uis()
    return Request(operation, print_ast(definition), *_variable(definition, variables))


def snake_case(values: Mapping[str, object], schema: Message) -> dict[str, object]:
    """GraphQL's camelCase names as protobuf's; MLflow does the same, so both spellings of one are refused."""
    named = {_UPPER.sub(lambda found: f"_{found[0].lower()}", name): value for name, value in values.items()}
    if any("_" in name for name in values) or len(named) != len(values):
        raise malformed("graphql_variables", "GraphQL's variables are in camelCase.")
    schema.check(named)
    return named


def camel_case(values: Mapping[str, object]) -> dict[str, object]:
    """`snake_case` undone."""
    return {_UNDERSCORE.sub(lambda found: found[1].upper(), name): value for name, value in values.items()}


def _definition(document: str) -> OperationDefinitionNode:
    try:
        definitions = parse(document, no_location=True, max_tokens=_MAX_TOKENS).definitions
    except (GraphQLError, RecursionError):
        raise malformed("graphql_syntax", "The GraphQL document cannot be read.") from None
    if len(definitions) != 1 or not isinstance(definitions[0], OperationDefinitionNode):
        raise _not_the_uis()
    if definitions[0].operation is not OperationType.QUERY:
        raise _not_the_uis()
    return definitions[0]


def _name(definition: OperationDefinitionNode) -> str:
    return definition.name.value if definition.name else ""


def _root(definition: OperationDefinitionNode) -> FieldNode:
    selections = definition.selection_set.selections
    if len(selections) != 1 or not isinstance(selections[0], FieldNode):
        raise _not_the_uis()
    return selections[0]


def _head(definition: OperationDefinitionNode) -> str:
    """All of a document but what it selects: name, variables, directives, root field and its arguments."""
    root = _root(definition)
    parts = (definition.variable_definitions, definition.directives, root.arguments, root.directives)
    printed = (print_ast(node) for part in parts for node in part or ())
    alias = root.alias.value if root.alias else ""
    return " ".join((_name(definition), alias, root.name.value, *printed))


def _fields(selected: SelectionSetNode | None, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for node in selected.selections if selected else ():
        if not isinstance(node, FieldNode) or node.alias or node.arguments or node.directives:
            raise _not_the_uis()
        if node.name.value == _TYPE_NAME and node.selection_set is None:
            continue
        path = (*above, node.name.value)
        yield path
        yield from _fields(node.selection_set, path)


def _variable(definition: OperationDefinitionNode, variables: Mapping[str, object]) -> tuple[str, Mapping[str, object]]:
    """The one variable of the head, and its fields."""
    name = (definition.variable_definitions or ())[0].variable.name.value
    values = variables.get(name)
    if variables.keys() != {name} or not isinstance(values, dict):
        raise malformed("graphql_variables", f"The one variable of this GraphQL query is {name}, an object.")
    return name, values


def _not_the_uis() -> RefusedError:
    return forbidden("graphql", "Only the GraphQL queries of MLflow's own UI are answered; use the REST API.")
