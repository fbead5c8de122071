"""Tools about tools: finding one that a short list does not show."""

from pydantic import Field, JsonValue

from stack_local.wire.catalogue import Request, View, operation


class FoundTool(View):
    """A tool you may call by its name."""

    name: str
    description: str
    input_schema: dict[str, JsonValue]


class FoundTools(View):
    """The best matches, the best first."""

    items: list[FoundTool]


@operation(scope="services:read", route="POST /v1/tools/find", effect="read", body="items", core=True)
class FindTool(Request[FoundTools]):
    """Find a tool that is not in your list: say in a few words what you want to do, then call what is named."""

    query: str = Field(min_length=1, max_length=200, description="revoke a passport; see the audit log")
