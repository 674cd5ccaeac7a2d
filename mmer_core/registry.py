"""One registry pattern for encoders and fusion models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to factories. `kind` is the word used in messages ("encoder", "fusion model")."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._factories: dict[str, Callable[..., T]] = {}

    def register(self, name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Decorator: make a class or function creatable by name. A name can be taken once."""

        def add(factory: Callable[..., T]) -> Callable[..., T]:
            if name in self._factories:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._factories[name] = factory
            return factory

        return add

    def create(self, name: str, **options: Any) -> T:
        """Build the one called `name`.

        Raises:
            ValueError: unknown name; the message lists the known ones.
        """
        return self.factory(name)(**options)

    def factory(self, name: str) -> Callable[..., T]:
        """The class or function behind `name`; raises ValueError like `create`."""
        if name not in self._factories:
            raise ValueError(f"unknown {self.kind} {name!r}: choose one of {', '.join(self.names())}")
        return self._factories[name]

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._factories))
