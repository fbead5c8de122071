"""The terminal UI: screens, widgets, and the client they ask through."""
