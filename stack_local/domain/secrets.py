"""A secret is a type: it has no repr, no str and no JSON, and opens only by `.reveal()`."""

import hmac
from typing import Never


class Secret:
    """A secret string. `tests/architecture/test_reveal.py` lists the files that may open one."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the one use it is for."""
        return self._value

    def matches(self, other: str) -> bool:
        """Whether `other` is this secret, in constant time."""
        return hmac.compare_digest(self._value.encode(), other.encode())

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._value)

    def __hash__(self) -> int:
        raise TypeError("a secret is not a key of a mapping")

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not pickled")
