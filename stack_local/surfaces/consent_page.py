"""The pages of a log-in, in a browser: no script, nothing fetched, whatever a client wrote shown as text."""

import base64
import hashlib

from quart import Response, render_template_string

from stack_local.domain.clients import is_loopback, is_private_scheme, redirect_host, redirect_origin
from stack_local.domain.consents import WRONG_CODES, RequestState
from stack_local.domain.scopes import DESCRIPTIONS
from stack_local.oauth.authorization import Page

LOOK_SECONDS = 2
"""How often a waiting page looks whether a person has decided."""

_STYLE = """\
:root { color-scheme: light dark; --text: #1b1b19; --page: #fcfcfa; --line: #d5d5d0; --soft: #5c5c57;
  --warn: #a35a00; --act: #1d5a3f; }
@media (prefers-color-scheme: dark) { :root { --text: #e8e8e4; --page: #191918; --line: #3d3d3a; --soft: #a8a8a2;
  --warn: #f0a848; --act: #2f7d5a; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 36rem;
  margin: 1.5rem auto; padding: 0 1rem; }
header, footer, dt, .soft { color: var(--soft); }
header, footer, .soft { font-size: .85rem; }
h1 { font-size: 1.35rem; line-height: 1.25; margin: .25rem 0 1rem; }
p, ul, form { margin: .8rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; margin: 0; padding: .7rem 0;
  align-items: baseline; border: solid var(--line); border-width: 1px 0; }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.name, .where { font-weight: 600; }
.tag { font: 700 1.35rem/1 ui-monospace, monospace; letter-spacing: .15em; }
.warn { border-left: .25rem solid var(--warn); padding-left: .75rem; }
ul { padding-left: 1.1rem; columns: 2; column-gap: 1.5rem; }
li { break-inside: avoid; }
pre { font: .85rem/1.5 ui-monospace, monospace; margin: .8rem 0; padding: .5rem .75rem; white-space: pre-wrap;
  overflow-wrap: anywhere; border: 1px solid var(--line); border-radius: .25rem; }
button, input[type=text] { font: inherit; padding: .45rem .9rem; border: 1px solid var(--soft); border-radius: .25rem;
  background: transparent; color: inherit; }
button { margin: 0 .5rem .5rem 0; cursor: pointer; }
button.act { background: var(--act); border-color: var(--act); color: #fff; }
input[type=text] { font-family: ui-monospace, monospace; width: 9rem; margin-right: .5rem; text-transform: uppercase; }
label { display: block; margin-bottom: .3rem; }
footer { margin-top: 1.5rem; padding-top: .6rem; border-top: 1px solid var(--line); }
@media (max-width: 30rem) { ul { columns: 1; } dl { gap: .35rem .75rem; } }
"""

_FRAME = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{% if refresh %}<meta http-equiv="refresh" content="{{ refresh }}">{% endif %}
<title>{{ title }}</title>
<style>{{ style|safe }}</style>
</head>
<body>
<header>stack_local on this machine</header>
<main>
<h1>{{ title }}</h1>
BODY
</main>
<footer>stack_local never asks for your passphrase in a browser.</footer>
</body>
</html>
"""

_WHERE = """{% if opens %}the program that opens {% endif %}<span class="where">{{ where }}</span>\
{% if opens %} links{% endif %}"""

# A name may be written from right to left: `bdi` keeps it from turning the words around it.
_FACTS = """\
<dl>
<dt>Client</dt><dd><bdi class="name">{{ page.client_name }}</bdi> <span class="soft">as it calls itself</span></dd>
<dt>Answer goes to</dt><dd>WHERE</dd>
<dt>Tag</dt><dd><span class="tag">{{ page.request.tag }}</span></dd>
</dl>
{% if loopback %}<p class="warn">Any program on this machine can listen at that address. Go on only if you began this
log-in yourself, a moment ago.</p>{% endif %}
{% if opens %}<p class="warn">Any program on this machine can claim these links. Go on only if you began this log-in
yourself, a moment ago.</p>{% endif %}
"""

_FORM = """\
<form method="post" action="/oauth/authorize/{{ page.request.id }}">
<input type="hidden" name="csrf" value="{{ csrf }}">
"""

_SHOWN = (
    _FACTS
    + """\
<p>It asks to act as one of your agents. It could then:</p>
<ul>{% for words in scopes %}<li>{{ words }}</li>{% endfor %}</ul>
<p>It never gets a credential. Nothing is allowed here: the next step is in your terminal, where you compare the tag,
choose the services it may use, and say yes or no.</p>
"""
    + _FORM
    + """\
<button class="act" name="do" value="ask">Ask me in the terminal</button>
<button name="do" value="refuse">Refuse</button>
</form>
"""
)

_WAITING = (
    _FACTS
    + """\
<p>In the terminal where stack_local runs, open <strong>screen 6, Clients</strong>, and choose the row with the tag
<strong>{{ page.request.tag }}</strong>. This page goes on by itself once you have decided.</p>
<p>No screen open? <a href="?type=code">Use a one-time code</a>.</p>
"""
    + _FORM
    + """\
<button name="do" value="refuse">Refuse</button>
</form>
"""
)

_TYPING = (
    _FACTS
    + """\
<p>Run this in a terminal. It asks for your passphrase there, lets this client in, and prints the code.</p>
<pre>stack-local session code {{ page.request.tag }}</pre>
"""
    + _FORM
    + """\
<label for="code">One-time code</label>
<input type="text" id="code" name="code" autocomplete="off" spellcheck="false" autofocus maxlength="16">
<button class="act" name="do" value="code">Go on</button>
{% if is_wrong %}<p class="warn" role="alert">That is not the code. After {{ wrong_codes }} wrong ones the log-in is
over.</p>{% endif %}
</form>
<p><a href="?">Back</a></p>
"""
)

_DONE = "<p>The client has its answer. You can close this page.</p>"
_LEAVING = """\
<p>The answer now goes to WHERE.</p>
<p>Nothing happens? <a href="{{ uri }}">Go on to the client</a>. After that you can close this page.</p>
"""
_MESSAGE = """\
<p>{{ message[:1]|upper }}{{ message[1:] }}.</p>{% if hint %}<p>{{ hint[:1]|upper }}{{ hint[1:] }}.</p>{% endif %}
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


async def consent_page(page: Page, *, csrf: str, is_typing: bool = False, is_wrong: bool = False) -> Response:
    """The page of one request, as it stands. While somebody types a code, it does not look by itself."""
    request = page.request
    match request.state:
        case RequestState.SHOWN:
            body, title, refresh = _SHOWN, "Let this client in?", ""
        case RequestState.ASKED | RequestState.CODED if is_typing:
            body, title, refresh = _TYPING, "Use a one-time code", ""
        case RequestState.ASKED | RequestState.CODED:
            body, title, refresh = _WAITING, "Decide in the terminal", str(LOOK_SECONDS)
        case _:
            body, title, refresh = _DONE, "Decided", ""
    html = await render_template_string(
        _framed(body),
        style=_STYLE,
        title=title,
        page=page,
        where=redirect_host(request.redirect_uri),
        loopback=is_loopback(request.redirect_uri),
        opens=is_private_scheme(request.redirect_uri),
        scopes=[DESCRIPTIONS[scope] for scope in request.scope.split()],
        csrf=csrf,
        is_wrong=is_wrong,
        wrong_codes=WRONG_CODES,
        refresh=refresh,
    )
    return _html(200, html, goes_to=redirect_origin(request.redirect_uri) or "")


async def leaving_page(uri: str) -> Response:
    """A page that goes on to the client by itself, for where a redirect of a form cannot lead.

    A policy's `form-action` has no word for an IPv6 address; and a browser that hands a link to another program stays
    on the page it was on, which would go on saying that it waits.
    """
    html = await render_template_string(
        _framed(_LEAVING),
        style=_STYLE,
        title="Decided",
        where=redirect_host(uri),
        opens=is_private_scheme(uri),
        uri=uri,
        refresh=f"0; url={uri}",
    )
    return _html(200, html)


async def message_page(status: int, title: str, message: str, hint: str | None = None) -> Response:
    """A page that only says something."""
    html = await render_template_string(
        _framed(_MESSAGE), style=_STYLE, title=title, message=message, hint=hint, refresh=""
    )
    return _html(status, html)


def _framed(body: str) -> str:
    return _FRAME.replace("BODY", body.replace("WHERE", _WHERE))


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
