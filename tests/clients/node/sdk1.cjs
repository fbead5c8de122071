// The TypeScript SDK, 1.x.
"use strict";

const { UnauthorizedError } = require("@modelcontextprotocol/sdk/client/auth.js");
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { serve } = require("./lines.cjs");

serve("TypeScript SDK 1", async (url, bearer, login) => {
  const client = new Client({ name: "sdk1", version: "1" });
  const requestInit = bearer ? { headers: { Authorization: `Bearer ${bearer}` } } : undefined;
  const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: login, requestInit });
  const first = transport();
  try {
    await client.connect(first);
  } catch (error) {
    if (!(error instanceof UnauthorizedError) || !login) throw error;
    await first.finishAuth((await login.answer()).get("code"));
    await client.connect(transport());
  }
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args) => (await client.callTool({ name, arguments: args })).structuredContent,
    close: () => client.close(),
  };
});
