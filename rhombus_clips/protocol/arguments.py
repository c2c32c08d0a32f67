"""Arguments are checked before anything is sent."""


def whole_number(value: object, name: str, *, least: int, most: int | None = None) -> int:
    """*value*, if it is an int from *least* to *most*; None for *most* is no bound.

    Raises `TypeError` for anything but an int (a bool is none), and `ValueError` out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < least or (most is not None and value > most):
        bounds = f"from {least} up" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {bounds}, not {value!r}")
    return value
