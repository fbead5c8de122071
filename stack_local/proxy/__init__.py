"""The life of a proxied call."""
