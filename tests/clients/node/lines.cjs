// A client under test, asked over its standard input: one JSON command a line, one JSON answer a line.
//
// In: {"do":"tools"}, {"do":"call","tool":…,"arguments":…}; out: {"answer":…} or {"error":…}.
// A log-in says {"open":URL} in between, and is told {"callback":URL} by whoever plays the browser.
"use strict";

const readline = require("node:readline");

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const heard = async () => JSON.parse((await lines.next()).value);

/** What the SDKs ask of whoever uses them: a place for what a log-in gives, and a browser. */
class Login {
  redirectUrl = "http://127.0.0.1:49152/callback";

  constructor(name) {
    this.clientMetadata = {
      client_name: name,
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }

  state() {
    return "of-the-test";
  }
  clientInformation() {
    return this.kept;
  }
  saveClientInformation(information) {
    this.kept = information;
  }
  tokens() {
    return this.given;
  }
  saveTokens(tokens) {
    this.given = tokens;
  }
  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }
  codeVerifier() {
    return this.verifier;
  }
  redirectToAuthorization(url) {
    say({ open: String(url) });
  }

  /** The parameters that the browser brought back. */
  async answer() {
    const { callback } = await heard();
    const found = new URL(callback).searchParams;
    if (found.get("state") !== this.state()) throw new Error("another state came back");
    return found;
  }
}

/** Answer until the input ends. `connect(url, bearer, login)` gives `tools()` and `call(tool, arguments)`. */
async function serve(name, connect) {
  const bearer = process.env.STACK_API_KEY;
  const login = bearer ? undefined : new Login(name);
  try {
    const client = await connect(process.argv[2], bearer, login);
    say({ answer: "ready" });
    for await (const line of { [Symbol.asyncIterator]: () => lines }) {
      const asked = JSON.parse(line);
      say({ answer: asked.do === "tools" ? await client.tools() : await client.call(asked.tool, asked.arguments) });
    }
    await client.close();
  } catch (error) {
    say({ error: `${error.stack ?? error} ${error.cause ?? ""}` });
    process.exitCode = 1;
  }
  process.stdin.destroy();
}

module.exports = { serve };
