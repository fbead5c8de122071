"""The pages of a log-in, in a browser: no script, nothing fetched, whatever a client wrote shown as text."""

import base64
import hashlib

from quart import Response, render_template_string

from stack_local.domain.clients import is_loopback, redirect_host, redirect_origin
from stack_local.domain.consents import RequestState
from stack_local.domain.scopes import DESCRIPTIONS
from stack_local.oauth.authorization import Page

LOOK_SECONDS = 2
"""How often a waiting page looks whether a person has decided."""

_STYLE = """\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 2.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; line-height: 1.3; overflow-wrap: anywhere; }
.tag { font: 700 1.6rem ui-monospace, monospace; letter-spacing: .2em; }
.where { overflow-wrap: anywhere; font-weight: 600; }
.warn { border-left: .25rem solid #c77700; padding-left: .75rem; }
ul { padding-left: 1.2rem; }
button { font: inherit; padding: .45rem .9rem; margin-right: .5rem; cursor: pointer; }
input[type=text] { font: inherit; padding: .4rem; width: 12rem; text-transform: uppercase; }
footer { margin-top: 2.5rem; font-size: .85rem; opacity: .7; }
"""

_FRAME = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{% if look_seconds %}<meta http-equiv="refresh" content="{{ look_seconds }}">{% endif %}
<title>{{ title }}</title>
<style>{{ style|safe }}</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
BODY
</main>
<footer>stack_local on this machine. It never asks for your passphrase in a browser.</footer>
</body>
</html>
"""

_FACTS = """\
<p>Tag: <span class="tag">{{ page.request.tag }}</span></p>
<p>With the answer, this browser is sent to <span class="where">{{ where }}</span>.</p>
{% if loopback %}<p class="warn">Any program of this machine may listen there. Go on only if you began this log-in
yourself, a moment ago.</p>{% endif %}
"""

_SHOWN = (
    _FACTS
    + """\
<p>It asks to be let in as an agent, so that it may:</p>
<ul>{% for words in scopes %}<li>{{ words }}</li>{% endfor %}</ul>
<p>It gets no credential. You decide in the terminal, where you also choose which services it may use.</p>
<form method="post" action="/oauth/authorize/{{ page.request.id }}">
<input type="hidden" name="csrf" value="{{ csrf }}">
<button name="do" value="ask">Ask me in the terminal</button>
<button name="do" value="refuse">Refuse</button>
</form>
"""
)

_WAITING = (
    _FACTS
    + """\
<p><strong>Decide in the terminal</strong>: screen 6, Clients, the row with this tag. This page goes on by itself.</p>
<p>No screen open? <a href="?type=code">Type a one-time code</a> instead.</p>
<form method="post" action="/oauth/authorize/{{ page.request.id }}">
<input type="hidden" name="csrf" value="{{ csrf }}">
<button name="do" value="refuse">Refuse</button>
</form>
"""
)

_TYPING = (
    _FACTS
    + """<p><code>stack-local session code {{ page.request.tag }}</code> asks for your passphrase, in a terminal,
and gives you a code for this page.</p>
<form method="post" action="/oauth/authorize/{{ page.request.id }}">
<input type="hidden" name="csrf" value="{{ csrf }}">
<label>One-time code <input type="text" name="code" autocomplete="off" autofocus maxlength="16"></label>
<button name="do" value="code">Go on</button>
{% if is_wrong %}<p class="warn">That is not the code.</p>{% endif %}
</form>
"""
)

_DONE = "<p>The answer is on its way to the client. You may close this page.</p>"
_MESSAGE = "<p>{{ message }}.</p>{% if hint %}<p>{{ hint }}.</p>{% endif %}"

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


async def consent_page(page: Page, *, csrf: str, is_typing: bool = False, is_wrong: bool = False) -> Response:
    """The page of one request, as it stands. While somebody types a code, it does not look by itself."""
    request = page.request
    match request.state:
        case RequestState.SHOWN:
            body, title, look = _SHOWN, f"Let “{page.client_name}” in?", 0
        case RequestState.ASKED | RequestState.CODED if is_typing:
            body, title, look = _TYPING, f"“{page.client_name}” waits for you", 0
        case RequestState.ASKED | RequestState.CODED:
            body, title, look = _WAITING, f"“{page.client_name}” waits for you", LOOK_SECONDS
        case _:
            body, title, look = _DONE, "Decided", 0
    html = await render_template_string(
        _FRAME.replace("BODY", body),
        style=_STYLE,
        title=title,
        page=page,
        where=redirect_host(request.redirect_uri),
        loopback=is_loopback(request.redirect_uri),
        scopes=[DESCRIPTIONS[scope] for scope in request.scope.split()],
        csrf=csrf,
        is_wrong=is_wrong,
        look_seconds=look,
    )
    return _html(200, html, goes_to=redirect_origin(request.redirect_uri))


async def message_page(status: int, title: str, message: str, hint: str | None = None) -> Response:
    """A page that only says something."""
    html = await render_template_string(
        _FRAME.replace("BODY", _MESSAGE), style=_STYLE, title=title, message=message, hint=hint, look_seconds=0
    )
    return _html(status, html)


def _html(status: int, html: str, *, goes_to: str = "") -> Response:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'; "
        # A form's redirects are judged too: without where the answer goes, Chromium stops on the way to the client.
        f"form-action 'self' {goes_to}".rstrip()
    )
    return Response(
        html,
        status=status,
        content_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": policy,
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            # Not `no-referrer`: with that a browser sends `Origin: null` with our own form, which the door refuses.
            "Referrer-Policy": "same-origin",
        },
    )
