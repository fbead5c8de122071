"""The OAuth 2.1 authorization server: registration, authorization codes, tokens, and the documents that describe it."""
