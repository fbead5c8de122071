"""The fixtures of a client on its way in."""

from tests.oauth.conftest import guest, hotel, login

__all__ = ["guest", "hotel", "login"]
