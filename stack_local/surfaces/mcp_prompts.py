"""Three prompts a person can start from: what to do is said once, in the order in which it works."""

from collections.abc import Mapping
from dataclasses import dataclass

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, GetPromptResult, Prompt, PromptArgument, PromptMessage, TextContent

ARGUMENT_CHARACTERS = 1000
"""Of what a person fills in."""


@dataclass(frozen=True, slots=True)
class Written:
    """One prompt; `{argument}` in its text is what the person fills in."""

    title: str
    description: str
    argument: str
    about: str
    """What to fill in."""
    text: str


PROMPTS = {
    "connect_a_service": Written(
        "Connect a service",
        "Ask a person to connect a service; you never see its credential.",
        "service",
        "The service, and what it is needed for.",
        """\
Please have this service connected in stack_local: {argument}

1. Look with stack_list_services: if it is connected already, say so and stop.
2. Find out which host its API has, and how it takes a credential (bearer, a header, basic or a query parameter).
3. Tell me what to do at the terminal: press 4, then c, type that host, and paste the credential there.
Never ask me for the credential, and never write one down: it is typed in the terminal alone.""",
    ),
    "request_access": Written(
        "Request access",
        "Ask for a scope on a service that you lack.",
        "access",
        "The service and what you want to do there.",
        """\
I want you to be allowed this: {argument}

1. Look with stack_list_services at what you may do now; if that is enough, say so and stop.
2. Find stack_grant_agent_access with stack_find_tool and call it with the least that is enough.
3. It answers GOVERNANCE_APPROVAL_REQUIRED with an id: tell me to look at the terminal, and poll stack_get_decision.
4. Refused or past its time: stop, and tell me what you would have done.""",
    ),
    "work_under_approval": Written(
        "Work under approval",
        "Do a task whose writes a person approves one by one.",
        "task",
        "What is to be done.",
        """\
Do this through stack_local: {argument}

1. Read what you need with stack_proxy_read.
2. Before each write, stack_submit_intent with the exact call and a reason that a person can judge.
3. Tell me that it waits at the terminal, and poll stack_get_intent_approval with wait_seconds 20.
4. approved: stack_proxy_request with that approval_id alone makes exactly that call, once.
   expired with notes: a person sent it back, so heed them and submit again.
   rejected, or expired without notes: stop; do not try another way.
5. At the end say what was written, each with its operation_id.""",
    ),
}


def listed() -> list[Prompt]:
    """All of them; they hold nothing of anybody's."""
    return [
        Prompt(
            name=name,
            title=prompt.title,
            description=prompt.description,
            arguments=[PromptArgument(name=prompt.argument, description=prompt.about, required=True)],
        )
        for name, prompt in PROMPTS.items()
    ]


def filled(name: str, arguments: Mapping[str, str]) -> GetPromptResult:
    """One prompt with what the person filled in.

    Raises:
        MCPError: there is none of that name, or its argument is missing or too long.
    """
    prompt = PROMPTS.get(name)
    if prompt is None:
        raise MCPError(INVALID_PARAMS, f"there is no such prompt; there are {', '.join(PROMPTS)}")
    if set(arguments) != {prompt.argument} or not 0 < len(arguments[prompt.argument].strip()) <= ARGUMENT_CHARACTERS:
        rule = f"1 to {ARGUMENT_CHARACTERS} characters"
        raise MCPError(INVALID_PARAMS, f"{name} takes the argument {prompt.argument}: {rule}, and nothing else")
    # Replaced, not formatted: what was filled in is text, braces and all.
    text = prompt.text.replace("{argument}", arguments[prompt.argument].strip())
    return GetPromptResult(
        description=prompt.description, messages=[PromptMessage(role="user", content=TextContent(text=text))]
    )
