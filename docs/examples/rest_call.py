"""The same over REST, by httpx: read the issues; or, given a title, open one and wait for the person to say yes."""

import os
import sys

import httpx

TRACKER = {"service": "custom_tracker", "url": os.environ["ISSUES_URL"]}


def list_issues(stack: httpx.Client) -> httpx.Response:
    """A read goes out at once."""
    return stack.post("/v1/proxy", json=TRACKER)


def open_issue(stack: httpx.Client, title: str) -> httpx.Response:
    """A write is refused at first, and opens an approval of exactly this call; its id alone makes the call, once."""
    answer = stack.post("/v1/proxy", json={**TRACKER, "method": "POST", "body": {"title": title}})
    if answer.json().get("metadata", {}).get("gate_reason") != "approval_required":
        return answer
    approval_id = answer.json()["error"]["details"]["approval_id"]
    print(f"{approval_id} waits for a person", file=sys.stderr, flush=True)
    while stack.get(f"/v1/intents/{approval_id}", params={"wait_seconds": 20}).json().get("status") == "pending":
        pass
    return stack.post("/v1/proxy", json={"approval_id": approval_id})


def main() -> int:
    """Print STACK's answer; 1 where it refused."""
    bearer = {"Authorization": f"Bearer {os.environ['STACK_API_KEY']}"}
    with httpx.Client(base_url=os.environ["STACK_URL"], headers=bearer, timeout=30, trust_env=False) as stack:
        answer = open_issue(stack, sys.argv[1]) if len(sys.argv) > 1 else list_issues(stack)
    print(answer.text)
    return int(answer.is_error)


if __name__ == "__main__":
    sys.exit(main())
