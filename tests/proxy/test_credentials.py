"""Opened credentials: from memory while nothing changes, and gone when the vault is locked."""

import asyncio
from pathlib import Path

import pytest

from stack_local.domain.errors import Locked
from stack_local.proxy.credentials import FRESH_SECONDS, REMEMBERED_SECONDS
from tests.oauth.renewing import FIRST, desk


async def test_an_opened_credential_is_handed_out_again_without_the_disk(tmp_path: Path) -> None:
    async with desk(tmp_path, renewal=None, seconds=None) as at:
        connection = await at.connection()
        first = await at.credentials.open(connection)
        await asyncio.to_thread(at.database.inner.close)
        assert await at.credentials.open(connection) is first


async def test_a_locked_vault_forgets_them(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        assert await at.token() == FIRST
        at.vault.lock()
        with pytest.raises(Locked):
            await at.token()


async def test_a_token_that_the_service_refused_is_renewed_before_the_next_call(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.system.advance(FRESH_SECONDS)
        connection = await at.connection()
        known = await at.credentials.open(connection)
        for _ in range(3):
            at.credentials.refused(connection, known)
        assert at.server.forms == [], "not by itself"
        assert await at.token() == at.server.access_tokens[0]
        at.credentials.refused(connection, known)
        assert await at.token() == at.server.access_tokens[0]
        assert len(at.server.forms) == 1


async def test_a_service_that_refuses_everything_has_its_token_renewed_once_a_minute(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        connection = await at.connection()
        for _ in range(FRESH_SECONDS):
            at.system.advance(1)
            at.credentials.refused(connection, await at.credentials.open(connection))
        assert len(at.server.forms) <= 1


async def test_a_typed_credential_that_the_service_refused_stays(tmp_path: Path) -> None:
    async with desk(tmp_path, renewal=None, seconds=None) as at:
        at.system.advance(FRESH_SECONDS)
        connection = await at.connection()
        known = await at.credentials.open(connection)
        at.credentials.refused(connection, known)
        assert await at.credentials.open(connection) is known


async def test_a_token_without_a_known_end_is_renewed_once_it_is_refused(tmp_path: Path) -> None:
    async with desk(tmp_path, seconds=None, lifetime=None) as at:
        at.system.advance(FRESH_SECONDS)
        connection = await at.connection()
        at.credentials.refused(connection, await at.credentials.open(connection))
        assert await at.token() == at.server.access_tokens[0]


async def test_a_refused_token_is_used_on_where_the_service_cannot_renew_it_now(tmp_path: Path) -> None:
    async with desk(tmp_path, misbehavior="500") as at:
        at.system.advance(FRESH_SECONDS)
        connection = await at.connection()
        at.credentials.refused(connection, await at.credentials.open(connection))
        assert await at.token() == FIRST


async def test_a_token_that_was_renewed_is_looked_for_a_while_longer(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.system.advance(3600)
        await at.token()
        connection = await at.connection()
        assert (await at.credentials.open(connection)).scrubber.clean(FIRST.encode())[1]
        at.system.advance(REMEMBERED_SECONDS + 3600)
        await at.token()
        scrubber = (await at.credentials.open(connection)).scrubber
        assert not scrubber.clean(FIRST.encode())[1]
        assert scrubber.clean(at.server.access_tokens[0].encode())[1]
