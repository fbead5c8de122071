"""MCP at `/mcp`: tools derived from the catalogue, served by the SDK's session manager without sessions."""

import asyncio
import contextvars
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    TextContent,
    Tool,
    ToolAnnotations,
)

from stack_local import __version__
from stack_local.dispatch import Caller, Dispatcher, NoBearer
from stack_local.domain.actors import NOBODY, Actor, Kind
from stack_local.domain.errors import NotFound, StackError, Unavailable
from stack_local.feed import Feed
from stack_local.settings import Settings
from stack_local.surfaces import mcp_prompts, mcp_resources
from stack_local.surfaces.arguments import checked
from stack_local.surfaces.auth import Authenticator, one_header
from stack_local.surfaces.errors import envelope, text_of
from stack_local.surfaces.front_door import Receive, Scope, Send, send_error
from stack_local.surfaces.mcp_asking import page_to_show, resumed, was_accepted
from stack_local.surfaces.mcp_progress import told
from stack_local.surfaces.mcp_streams import LISTEN, Streams
from stack_local.wire.catalogue import CATALOGUE, Operation, View
from stack_local.wire.intents import GetIntentApproval
from stack_local.wire.proxy import ProxyResponse
from stack_local.wire.tool_schemas import input_schema, output_schema

INSTRUCTIONS = """\
stack_local lets you use services without holding a credential.
1. stack_list_services shows what is connected for you.
2. Reads: call stack_proxy_read with service and url. The credential is injected for you; never ask for one.
3. Writes may need a person: stack_submit_intent with the exact call, then poll stack_get_intent_approval with \
wait_seconds 20 until status is not pending (each look answers within 4 seconds).
   approved: stack_proxy_request with that approval_id and exactly the same call (approval_id alone also makes it).
   rejected or expired: stop; do not retry.
4. An answer with an operation_id and no status is still under way: poll stack_get_operation.
5. A tool you miss: stack_find_tool names it and says what it takes; call it by its name.
Every refusal says which rule, which field, and what would make it pass."""

DECISION_SECONDS = 20
"""How long a call that names an approval waits for its decision, if its client is as patient."""

CORE_PATH = "/mcp/core"
"""The same endpoint with a short list of tools: some clients choose badly among many."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and at which of the two paths."""

    actor: Actor
    is_core: bool


_NOBODY_ASKS = Asking(NOBODY, is_core=False)
_asking: contextvars.ContextVar[Asking] = contextvars.ContextVar("asking", default=_NOBODY_ASKS)


class Mcp:
    """The MCP endpoint. `run` owns the session manager's lifetime and is entered once."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        authenticator: Authenticator,
        settings: Settings,
        *,
        hosts: frozenset[str],
        base_url: str,
        feed: Feed,
    ) -> None:
        self._dispatcher = dispatcher
        self._authenticator = authenticator
        self._settings = settings
        self._base_url = base_url
        self._streams = Streams(authenticator, feed)
        self._tools = {operation.tool: operation for operation in CATALOGUE.values() if "mcp" in operation.surfaces}
        self._described = {name: describe(operation) for name, operation in self._tools.items()}
        self._to_passports = {name: describe(known, has_passport=True) for name, known in self._tools.items()}
        server: Server[Any] = Server(
            "stack_local",
            title="stack_local",
            version=__version__,
            instructions=INSTRUCTIONS,
            # Without it the SDK lists every tool at each call, to read the one schema.
            get_tool_input_schema=self._input_schema,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_list_prompts=self._list_prompts,
            on_subscriptions_listen=self._listen,
            on_get_prompt=self._get_prompt,
            cache_hints={
                "tools/list": CacheHint(ttl_ms=0, scope="private"),
                "resources/list": CacheHint(ttl_ms=0, scope="private"),
                "resources/templates/list": CacheHint(ttl_ms=0, scope="private"),
                "resources/read": CacheHint(ttl_ms=0, scope="private"),
            },
        )
        security = TransportSecuritySettings(
            allowed_hosts=sorted(hosts), allowed_origins=[f"http://{host}" for host in sorted(hosts)]
        )
        self._manager = StreamableHTTPSessionManager(
            app=server, stateless=True, security_settings=security, max_request_body_size=settings.body_bytes
        )

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve until left; from one dedicated task of the TaskGroup in `app.py`."""
        async with self._manager.run(), asyncio.TaskGroup() as group:
            watching = group.create_task(self._streams.watch())
            try:
                yield
            finally:
                watching.cancel()
                self._streams.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: the bearer first, whatever the method; then the SDK."""
        try:
            path = scope["path"].rstrip("/")
            actor = await self._authenticator.actor_of(one_header(scope["headers"], b"authorization"), path=path)
            if actor.kind is Kind.NOBODY:
                raise NoBearer()
        except StackError as refused:
            self._dispatcher.count_refusal(refused.code)
            await send_error(send, refused)
            return
        token = _asking.set(Asking(actor, is_core=path == CORE_PATH))
        try:
            async with self._ending(scope, receive) as receiving:
                await self._manager.handle_request(scope, receiving, send)
        finally:
            _asking.reset(token)

    @asynccontextmanager
    async def _ending(self, scope: Scope, receive: Receive) -> AsyncIterator[Receive]:
        """A stream ends with its bearer; any other request is over before that matters."""
        headers = scope["headers"]
        if one_header(headers, b"mcp-method") != LISTEN:
            yield receive
            return
        async with self._streams.opened(receive, one_header(headers, b"authorization"), scope["path"]) as receiving:
            yield receiving

    async def _listen(
        self, context: ServerRequestContext[Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        return await self._streams.listen(context, params, bearer=_asking.get().actor.label)

    async def _list_tools(
        self, context: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        """What this bearer may call, in the catalogue's order, on one page; at `/mcp/core` the few it calls most."""
        asking = _asking.get()
        described = self._to_passports if asking.actor.kind is Kind.PASSPORT else self._described
        allowed = [
            described[name]
            for name, operation in self._tools.items()
            if (operation.is_core or not asking.is_core) and operation.is_for(asking.actor)
        ]
        return ListToolsResult(tools=allowed)

    def _input_schema(self, name: str) -> dict[str, Any] | None:
        described = self._described.get(name)
        return None if described is None else described.input_schema

    async def _call_tool(
        self, context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        has_progress = "progress_token" in (context.meta or {})
        patience = self._settings.progress_wait_seconds if has_progress else self._settings.tool_wait_seconds
        try:
            view = (
                await told(context, self._called(params, patience))
                if has_progress
                else await self._called(params, patience)
            )
        except StackError as refused:
            # A call that was repeated after the page is answered plainly: one question is enough.
            page = None if params.request_state else page_to_show(context, refused, self._base_url)
            return page or failed(refused)
        return succeeded(view)

    async def _list_resources(
        self, context: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        return ListResourcesResult(resources=mcp_resources.listed(_asking.get().actor))

    async def _list_templates(
        self, context: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        """None; but who offers resources answers this too."""
        return ListResourceTemplatesResult(resource_templates=[])

    async def _read_resource(
        self, context: ServerRequestContext[Any], params: ReadResourceRequestParams
    ) -> ReadResourceResult:
        actor = _asking.get().actor
        try:
            view: View = await self._dispatcher.call(Caller(actor, "mcp"), mcp_resources.request_for(actor, params.uri))
        except StackError as refused:
            raise mcp_resources.refused(refused) from None
        return mcp_resources.contents(params.uri, view)

    async def _list_prompts(
        self, context: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListPromptsResult:
        return ListPromptsResult(prompts=mcp_prompts.listed())

    async def _get_prompt(self, context: ServerRequestContext[Any], params: GetPromptRequestParams) -> GetPromptResult:
        return mcp_prompts.filled(params.name, params.arguments or {})

    async def _called(self, params: CallToolRequestParams, patience_seconds: float) -> View:
        name, caller = params.name, Caller(_asking.get().actor, "mcp", patience_seconds)
        operation = self._tools.get(name)
        if operation is None:
            raise NotFound(f"there is no tool {name[:64]!r}", field="name", hint="tools/list shows what you may call")
        arguments = resumed(params, operation.request.model_fields)
        is_patient = patience_seconds > self._settings.tool_wait_seconds
        if "approval_id" in arguments and operation.rate == "proxy" and (is_patient or was_accepted(params)):
            await self._await_decision(caller, arguments["approval_id"])
        try:
            asked = checked(operation, arguments)
        except StackError as refused:
            await self._dispatcher.refuse(caller, operation, refused)
            raise
        return await self._within_wait(caller, asked)

    async def _await_decision(self, caller: Caller, approval_id: object) -> None:
        """A person may be deciding at this moment. What is wrong with the id, the call itself says."""
        wanted = {"approval_id": approval_id, "wait_seconds": DECISION_SECONDS}
        with suppress(TimeoutError, StackError):
            async with asyncio.timeout(caller.patience_seconds):
                await self._dispatcher.call(caller, checked(CATALOGUE[GetIntentApproval], wanted))

    async def _within_wait(self, caller: Caller, asked: Any) -> View:
        """The answer, or after a while the id to poll: clients give up after five seconds (house decision 8)."""
        started: list[str] = []
        try:
            async with asyncio.timeout(caller.patience_seconds):
                answer: View = await self._dispatcher.call(caller, asked, on_operation=started.append)
                return answer
        except TimeoutError:
            if not started:
                raise Unavailable("the appliance is too busy to decide in time", hint="try again") from None
            return ProxyResponse(status=None, headers={}, body=None, operation_id=started[0])


@cache
def describe(operation: Operation, *, has_passport: bool = False) -> Tool:
    """The tool of an operation, for a bearer that is a passport or that is none; made once, as its schemas are slow."""
    return Tool(
        name=operation.tool,
        title=operation.title,
        description=operation.description,
        input_schema=input_schema(operation, has_passport=has_passport),
        output_schema=output_schema(operation),
        annotations=ToolAnnotations(
            title=operation.title,
            read_only_hint=operation.is_read_only,
            destructive_hint=operation.destructive,
            idempotent_hint=operation.is_read_only,
            open_world_hint=operation.effect == "external",
        ),
    )


def succeeded(view: View) -> CallToolResult:
    """Structured content, and the same JSON as text: clients differ in which they show."""
    tree = view.model_dump(mode="json")
    text = json.dumps(tree, ensure_ascii=False)
    return CallToolResult(content=[TextContent(text=text)], structured_content=tree)


def failed(error: StackError) -> CallToolResult:
    """An error as text: on errors most clients show nothing else."""
    text = f"{text_of(error)}\n{json.dumps(envelope(error), ensure_ascii=False)}"
    return CallToolResult(content=[TextContent(text=text)], is_error=True)
