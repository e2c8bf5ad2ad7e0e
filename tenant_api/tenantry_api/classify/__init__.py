"""What a request asks for: read once, strictly, into a value; the later steps read the value and never the request.

    parse_target(raw_path)                                 → Target, Refusal, or None: not below /w/
    match(load_table("3.17.2"), method, target, …)         → Match, or Refusal
    finish(match, body)                                    → Action, or Refusal

Pure: no clock, no network; `load_table` reads the generated table and the policy from this package.
"""

from tenantry_api.classify.action import finish
from tenantry_api.classify.path import parse_target
from tenantry_api.classify.policy import Body
from tenantry_api.classify.routes import Match, RouteTable, load_table, match

__all__ = ["Body", "Match", "RouteTable", "finish", "load_table", "match", "parse_target"]
