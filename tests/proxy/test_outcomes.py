"""What is still known of a finished call whose bytes are gone, or which brought none."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from stack_local.domain.errors import UpstreamFailed
from stack_local.proxy.outcomes import stored_response
from stack_local.store import proxy as store
from stack_local.vault.vault import Vault

NO_VAULT = cast(Vault, None)
"""Nothing is opened where nothing is sealed."""

ENDED = [
    ("received, bytes shredded", {"state": store.RECEIVED}, "RESPONSE_NOT_KEPT"),
    ("failed", {"state": store.FAILED, "error_code": "timed_out"}, "timed_out"),
    ("unknown", {"state": store.UNKNOWN}, "OUTCOME_UNKNOWN"),
]


def row(**fields: Any) -> store.OperationRow:
    whose = {"agent_id": "agt_1", "passport_jti": "ppt_1", "asked_by": "key:key_1", "connection_id": "scon_1"}
    what = {
        "id": "opn_1",
        "approval_id": None,
        "digest": "d",
        "is_write": True,
        "trace_id": "trc_1",
        "subject": "GET h/",
    }
    return store.OperationRow(**whose, **what, created_at=datetime(2026, 11, 22, tzinfo=UTC), **fields)


@pytest.mark.parametrize(("fields", "code"), [case[1:] for case in ENDED], ids=[case[0] for case in ENDED])
def test_an_answer_that_is_not_kept_says_why(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(UpstreamFailed) as refused:
        stored_response(NO_VAULT, row(**fields))
    assert refused.value.code == code
    assert refused.value.details["operation_id"] == "opn_1"
