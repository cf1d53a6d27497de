"""Immutable records, like those of ``dataclasses``, whose import would cost too much."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_):  # noqa: ANN003, ANN201, D103 - the type checker sees the other
        return lambda cls: cls


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _ValueType(type):
    """Turn the annotations of a class into its fields."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _ValueType:
        fields = namespace.get("__annotations__", {})
        defaults = {field: namespace.pop(field) for field in fields if field in namespace}
        namespace |= {"_fields": fields, "_defaults": defaults}
        return super().__new__(cls, name, bases, namespace)


class Value(metaclass=_ValueType):
    """A record. Its fields are keyword-only and immutable; it compares and hashes by value.

    >>> class Point(Value):
    ...     x: int
    ...     y: int = 0
    >>> Point(x=1).replace(y=2)
    Point(x=1, y=2)
    """

    if TYPE_CHECKING:
        _fields: ClassVar[dict[str, Any]]  # the keys are their names
        _defaults: ClassVar[dict[str, Any]]

    def __init__(self, **values: Any) -> None:
        """Set every field. Raises TypeError for a field that is unknown or missing."""
        vars(self).update(self._defaults, **values)
        if vars(self).keys() != self._fields.keys():
            odd = sorted(vars(self).keys() ^ self._fields.keys())
            raise TypeError(f"{type(self).__name__}: unknown or missing: {', '.join(odd)}")

    def replace(self, **changes: Any) -> Self:
        """Return a copy in which some fields have other values."""
        return type(self)(**{**vars(self), **changes})

    def _asdict(self) -> dict[str, Any]:
        return {field: vars(self)[field] for field in self._fields}

    def __setattr__(self, field: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{field} cannot be set: records are immutable")

    def __delattr__(self, field: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{field} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(self._asdict().values()))

    def __repr__(self) -> str:
        values = ", ".join(f"{field}={value!r}" for field, value in self._asdict().items())
        return f"{type(self).__name__}({values})"
