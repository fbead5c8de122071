// The TypeScript SDK, 2.x, on the wire that the second argument names: auto or legacy.
"use strict";

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = require("@modelcontextprotocol/client");
const { serve } = require("./lines.cjs");

serve("TypeScript SDK 2", async (url, bearer, login) => {
  const client = new Client({ name: "sdk2", version: "1" }, { versionNegotiation: { mode: process.argv[3] } });
  const requestInit = bearer ? { headers: { Authorization: `Bearer ${bearer}` } } : undefined;
  const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: login, requestInit });
  const first = transport();
  try {
    await client.connect(first);
  } catch (error) {
    if (!(error instanceof UnauthorizedError) || !login) throw error;
    await first.finishAuth(await login.answer());
    await client.connect(transport());
  }
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args) => (await client.callTool({ name, arguments: args })).structuredContent,
    close: () => client.close(),
  };
});
