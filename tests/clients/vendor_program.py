"""A process that has a vendor's SDK, a base URL and a key, and does what it is told, one line of JSON at a time.

    python -m tests.clients.vendor_program VENDOR   (in STACK_API_KEY the key; on stdin, first, the lines of docs)

It says what came of each step: `{"result": …}` or `{"raised": class, "approval_id": …}`. It must not import anything
that knows a credential of the tests.
"""

import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Steps = dict[str, Callable[[Any], Any]]
SAID = [{"role": "user", "content": "Say hello."}]
FILE = b'{"text": "caf\xc3\xa9"}\n' * 3000


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def openai_steps() -> Steps:
    def stream(client: Any) -> str:
        text = ""
        for event in client.chat.completions.create(model="gpt-5", messages=SAID, stream=True):
            text += event.choices[0].delta.content or ""
            if text == "Hel":
                say({"first": text})
        return text

    def upload(client: Any) -> list[Any]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "batch.jsonl")
            path.write_bytes(FILE)
            made = client.files.create(file=path, purpose="batch")
        return [made.id, made.bytes, made.filename, made.purpose]

    def write(client: Any) -> str:
        made = client.chat.completions.create(model="gpt-5", messages=SAID)
        return str(made.choices[0].message.content)

    return {"read": stream, "other": upload, "write": write}


def anthropic_steps() -> Steps:
    asked: Any = {"model": "claude-opus-5", "max_tokens": 16, "messages": SAID}

    def stream(client: Any) -> str:
        text = ""
        with client.messages.stream(**asked) as events:
            for piece in events.text_stream:
                text += piece
                if text == "Hel":
                    say({"first": text})
        return text

    def write(client: Any) -> str:
        return str(client.messages.create(**asked).content[0].text)

    return {"read": stream, "other": write, "write": write}


def stripe_steps() -> Steps:
    def charges(client: Any) -> list[str]:
        return [charge.id for charge in client.v1.charges.list({"limit": 1}).auto_paging_iter()]

    def refund(client: Any) -> list[Any]:
        made = client.v1.refunds.create({"charge": "ch_1", "amount": 1200}, {"idempotency_key": "refund-of-ch_1"})
        return [made.id, made.amount, made.status]

    return {"read": charges, "other": refund, "write": refund}


def slack_steps() -> Steps:
    def channels(client: Any) -> list[str]:
        return [channel["name"] for channel in client.conversations_list(limit=10)["channels"]]

    def post(client: Any) -> str:
        return str(client.chat_postMessage(channel="C1", text="Hello")["ts"])

    return {"read": channels, "other": post, "write": post}


def github_steps() -> Steps:
    def issues(client: Any) -> list[str]:
        return [issue.title for issue in client.get_repo("octocat/hello").get_issues()]

    def create(client: Any) -> list[Any]:
        made = client.get_repo("octocat/hello").create_issue(title="The door is stuck")
        return [made.number, made.title]

    return {"read": issues, "other": create, "write": create}


STEPS: dict[str, Callable[[], Steps]] = {
    "openai": openai_steps,
    "anthropic": anthropic_steps,
    "stripe": stripe_steps,
    "slack": slack_steps,
    "github": github_steps,
}


def raised(error: Exception) -> dict[str, Any]:
    """The vendor's own error, and what stands of ours in it."""
    answers = [getattr(error, name, None) for name in ("body", "json_body", "data")]
    answers.append(getattr(getattr(error, "response", None), "data", None))
    ours = next(answer for answer in answers if isinstance(answer, dict))
    details = ours.get("error", ours)["details"]
    kind = type(error)
    return {
        "raised": f"{kind.__module__.partition('.')[0]}.{kind.__name__}",
        "gate_reason": details.get("gate_reason"),
        "approval_id": details.get("approval_id"),
        "said": f"{error} {error!r} {answers!r}",
    }


def main() -> None:
    """Until stdin ends."""
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    steps, clients = STEPS[sys.argv[1]](), dict[str, Any]()
    page = json.loads(sys.stdin.readline())["lines"]
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ["STACK_API_KEY"] = asked["key"]
        if asked["key"] not in clients:
            names: dict[str, Any] = {}
            exec(page, names)
            clients[asked["key"]] = names["client"]
        try:
            say({"result": steps[asked["do"]](clients[asked["key"]])})
        except Exception as error:
            say(raised(error))


if __name__ == "__main__":
    main()
