"""What happens by the clock: each job on its own, and the loop that survives any of them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stack_local.dispatch import Dispatcher
from stack_local.domain.approvals import Status
from stack_local.domain.audit import Record
from stack_local.jobs import ORPHAN_SECONDS, Jobs
from stack_local.operations.context import Core
from stack_local.proxy.approvals import encode_call
from stack_local.settings import Settings
from stack_local.store import approvals, audit, meta, proxy
from stack_local.store.approvals import ApprovalRow
from stack_local.store.audit import Visible
from stack_local.store.database import Tx
from stack_local.store.proxy import OperationRow
from tests.conftest import Running
from tests.domain.samples import CALL
