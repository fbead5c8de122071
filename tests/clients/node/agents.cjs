// The OpenAI Agents SDK for TypeScript. It takes a provider, and leaves the end of a log-in to whoever uses it.
"use strict";

const { MCPServerStreamableHttp } = require("@openai/agents");
const { auth } = require("@modelcontextprotocol/client");
const { serve } = require("./lines.cjs");

serve("OpenAI Agents SDK for TypeScript", async (url, bearer, login) => {
  const requestInit = bearer ? { headers: { Authorization: `Bearer ${bearer}` } } : undefined;
  const server = () =>
    new MCPServerStreamableHttp({ url, name: "stack", authProvider: login, requestInit, useStructuredContent: true });
  let client = server();
  try {
    await client.connect();
  } catch (error) {
    if (!login) throw error;
    const answer = await login.answer();
    await auth(login, { serverUrl: url, authorizationCode: answer.get("code"), iss: answer.get("iss") });
    client = server();
    await client.connect();
  }
  return {
    tools: async () => (await client.listTools()).map((tool) => tool.name),
    call: async (name, args) => JSON.parse((await client.callTool(name, args))[0].text),
    close: () => client.close(),
  };
});
