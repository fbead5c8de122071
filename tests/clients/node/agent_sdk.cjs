// One turn of the Claude Agent SDK: with a key the server is named here, else it is the one of Claude Code's settings.
"use strict";

const { query } = require("@anthropic-ai/claude-agent-sdk");

const [url, tool, words] = process.argv.slice(2);
const key = process.env.STACK_API_KEY;
const stack = { type: "http", url, headers: { Authorization: `Bearer ${key}` } };
const access = key ? { mcpServers: { stack }, settingSources: [] } : { settingSources: ["user", "project", "local"] };

(async () => {
  for await (const message of query({ prompt: words, options: { ...access, allowedTools: [`mcp__stack__${tool}`] } })) {
    if (message.type === "result") process.stdout.write(`${JSON.stringify({ result: message.result })}\n`);
  }
})();
