"""Intents before a person sees them: what the dry run says is what the call would meet."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from stack_local import app
from stack_local.domain.detection import CallFacts, Finding, PastCall, Severity
from stack_local.plugin_api import Registrar
from tests.conftest import begin, decoded, served
from tests.simulators.upstream import Upstream

Look = Callable[[CallFacts, Sequence[PastCall]], Finding | None]


def blocks_posts(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
    return Finding("test", Severity.CRITICAL, "no posts", blocks=True) if facts.method == "POST" else None


def notes_posts(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
    return Finding("test", Severity.WARNING, "a post") if facts.method == "POST" else None


def raises(facts: CallFacts, history: Sequence[PastCall]) -> Finding | None:
    raise RuntimeError("a detector's own defect")


def claim(upstream: Upstream, method: str) -> dict[str, Any]:
    target = {"service": "custom_demo", "method": method, "url": f"{upstream.base_url}/things"}
    return {"intent": {"target": target, "reason": "because"}}


async def asked(
    detector: Look, monkeypatch: pytest.MonkeyPatch, root: Path, upstream: Upstream, method: str, route: str
) -> tuple[int, dict[str, Any]]:
    """The status and answer of a claim over REST, with one detector at work."""

    def register(stack: Registrar) -> None:
        stack.detector("test", detector)

    monkeypatch.setattr(app, "BUILTIN", (register,))
    async with served(root / "home", root / "state") as running:
        await begin(running)
        agent = await running.agent("helper", await running.connect(upstream))
        async with running.http(await running.key(agent_id=agent.id)) as http:
            answer = await http.post(f"/v1/intents/{route}", json=claim(upstream, method))
    return answer.status_code, decoded(answer)


@pytest.mark.parametrize(
    ("detector", "method", "fires", "is_allowed"),
    [
        (blocks_posts, "POST", ["test"], False),
        (blocks_posts, "GET", [], True),
        (notes_posts, "POST", ["test"], True),
        (raises, "GET", ["test"], False),
    ],
)
async def test_a_simulation_predicts_what_the_detectors_say(
    detector: Look, method: str, fires: list[str], is_allowed: bool,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, upstream: Upstream,
) -> None:  # fmt: skip
    status, told = await asked(detector, monkeypatch, tmp_path, upstream, method, "simulate")
    assert (status, told["predicted_detector_fires"], told["allowed"]) == (200, fires, is_allowed)
    assert [reason.partition(":")[0] for reason in told["denial_reasons"]] == ["detector"] * (not is_allowed)


@pytest.mark.parametrize(("detector", "status"), [(blocks_posts, 403), (notes_posts, 200)])
async def test_what_a_detector_would_stop_is_not_put_before_a_person(
    detector: Look, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, upstream: Upstream
) -> None:
    answered, told = await asked(detector, monkeypatch, tmp_path, upstream, "POST", "submit")
    assert answered == status
    if status == 403:
        assert told["error"]["details"]["rule"] == "detector:test"
    else:
        assert told["simulation"]["predicted_detector_fires"] == ["test"]
