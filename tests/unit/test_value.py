from __future__ import annotations

import pytest

from initpy.value import Value


class Point(Value):
    """A record to try."""

    x: int
    y: int = 0


class Dot(Value):
    """Another of the same fields."""

    x: int
    y: int = 0


def test_fields_and_defaults():
    """What is not given has its default."""
    assert (1, 0) == (Point(x=1).x, Point(x=1).y)


@pytest.mark.parametrize(
    ("values", "odd"), [({}, "x"), ({"x": 1, "z": 2}, "z"), ({"y": 1, "z": 2}, "x, z")]
)
def test_unknown_or_missing(values, odd):
    """A field that is unknown or missing is a TypeError, which names it."""
    with pytest.raises(TypeError, match=f"^Point: unknown or missing: {odd}$"):
        Point(**values)


def test_keyword_only():
    """Values without names are refused."""
    with pytest.raises(TypeError):
        Point(1, 2)


def test_immutable():
    """No field can be set, added or deleted."""
    point = Point(x=1)

    for field in ("x", "z"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(point, field, 2)
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del point.x


def test_fields_in_order():
    """They are written and hashed in the order of the class, however they were given."""
    assert "Point(x=1, y=2)" == repr(Point(y=2, x=1))
    assert hash(Point(x=1, y=2)) == hash(Point(y=2, x=1))


def test_equal_and_hashed_by_value():
    """Same values, same record; of another class it is another."""
    assert Point(x=1) == Point(x=1, y=0)
    assert 1 == len({Point(x=1), Point(x=1)})
    assert Point(x=1) != Point(x=2)
    assert Point(x=1) != Dot(x=1)


def test_replace():
    """It returns a copy, the original stays."""
    point = Point(x=1)

    assert Point(x=1, y=2) == point.replace(y=2)
    assert Point(x=1) == point


def test_replace_with_an_unknown_field():
    """What is no field cannot be replaced."""
    with pytest.raises(TypeError, match="z"):
        Point(x=1).replace(z=2)


def test_repr():
    """It reads as it is written."""
    assert "Point(x=1, y='two')" == repr(Point(x=1, y="two"))
