"""Settings declared once: a field of a dataclass says type, range, unit and meaning of each.

    @dataclass(frozen=True)
    class Limits:
        rows: int = setting(256, "rows read at once", unit="rows", ge=1, le=4096)

From that come the flags of a command (`add_flags`), what `--help` says of them, how their texts are
read (`Setting.read`), and one line for a value that cannot be (`check`), whether it was given as a
flag, in a preset or in a bundle. pydantic checks the values, strictly: `"3"` and `true` are no
numbers.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from pydantic import BaseModel

MOST = 2**63 - 1
"""The largest whole number where nothing smaller is said: that of seeds and of TOML."""
_KINDS = {
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    bool: "true or false",
    tuple: "a list of whole numbers",
}
_METAVARS = {int: "N", float: "X", str: "TEXT", bool: "true|false", tuple: "N,N"}
_checked_before = False
_SWITCH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def setting(
    default: Any,
    meaning: str,
    *,
    unit: str = "",
    taken: str = "",
    finite: bool = True,
    **limits: float,
) -> Any:
    """A field of a dataclass that is a setting.

    Args:
        default: of the field.
        meaning: in words, for `--help`.
        unit: what the number counts.
        taken: what stands for it where it is not given, if that is not the default.
        finite: of a fractional number, whether infinity is refused; NaN always is.
        **limits: `ge`, `gt`, `le` and `lt`, as pydantic has them.
    """
    about = {"meaning": meaning, "unit": unit, "taken": taken, "finite": finite, "limits": limits}
    return dataclasses.field(default=default, metadata=about)


@dataclass(frozen=True)
class Setting:
    """One setting: its name and what its field says of it."""

    name: str
    kind: type
    default: Any
    hint: Any
    choices: tuple[str, ...]
    meaning: str
    unit: str
    taken: str
    finite: bool
    limits: Mapping[str, Any]

    @property
    def flag(self) -> str:
        """As it is written on a command line."""
        return "--" + self.name.replace("_", "-")

    def read(self, text: str) -> Any:
        """The value of a text, an `argparse` type; lists are written `2,2,2` or `2_2_2`."""
        try:
            if self.kind is tuple:
                return tuple(int(n) for n in text.strip("[]").replace("_", ",").split(","))
            return _SWITCH[text.lower()] if self.kind is bool else self.kind(text)
        except (KeyError, ValueError):
            wanted = "numbers such as 2,2,2" if self.kind is tuple else _KINDS[self.kind]
            raise argparse.ArgumentTypeError(f"must be {wanted}, not {text!r}") from None

    def help(self) -> str:
        """Meaning, unit, range and default, as `--help` says them."""
        own = ",".join(map(str, self.default)) if self.kind is tuple else str(self.default)
        shown = self.taken or (own.lower() if self.kind is bool else own)
        facts = ", ".join(filter(None, (self.unit, self._range())))
        told = f"default {shown}" if shown else ""
        aside = "; ".join(filter(None, (facts, told)))
        return (self.meaning + (f" ({aside})" if aside else "")).replace("%", "%%")

    def _range(self) -> str:
        if self.choices:
            return ", ".join(self.choices[:-1]) + " or " + self.choices[-1]
        limits = self.limits
        least = f"{limits['ge']:g}" if "ge" in limits else ""
        least = f"above {limits['gt']:g}" if "gt" in limits else least
        if "lt" in limits:
            return f"{least} to below {limits['lt']:g}"
        if "le" in limits and limits["le"] < MOST:
            return f"{least} to {limits['le']:,}"
        return least if not least or least.startswith("above") else f"{least} or more"


def settings_of(table: type) -> dict[str, Setting]:
    """The settings of a dataclass, by name, in its order."""
    found, hints = {}, get_type_hints(table)
    for field in dataclasses.fields(table):
        if field.metadata:
            hint, about = hints[field.name], dict(field.metadata)
            choices = get_args(hint) if get_origin(hint) is Literal else ()
            kind = str if choices else get_origin(hint) or hint
            found[field.name] = Setting(field.name, kind, field.default, hint, choices, **about)
    return found


def add_flags(
    group: argparse._ActionsContainer, table: Mapping[str, Setting], defaults: bool = False
) -> None:
    """A flag for each setting; left out, it is None, or its default where those are asked for."""
    for each in table.values():
        group.add_argument(
            each.flag,
            type=each.read,
            default=each.default if defaults else None,
            metavar=_METAVARS[each.kind],
            help=each.help(),
        )


@cache
def _schema(table: type) -> type[BaseModel]:
    from pydantic import ConfigDict, Field, create_model

    layer = Annotated[int, Field(ge=1, strict=True)]
    layers = Annotated[tuple[layer, ...], Field(strict=False, min_length=1)]  # or a list
    strictly = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)
    fields: dict[str, Any] = {
        name: (
            layers if each.kind is tuple else each.hint,
            Field(None, allow_inf_nan=None if each.finite else True, **each.limits),
        )
        for name, each in settings_of(table).items()
    }
    return create_model(table.__name__, __config__=strictly, **fields)


def trust_where_unchecked() -> None:
    """Lets this process take settings as they are if pydantic is not installed.

    For the training kit alone, whose settings were checked when the set was packed.
    """
    global _checked_before
    _checked_before = True


def check(table: type, values: Mapping[str, Any], where: str = "") -> None:
    """Refuses values that settings cannot have.

    Args:
        table: dataclass whose fields say what may be.
        values: by name; those of other names are not looked at, missing ones are not missed.
        where: they stand, before the name in the message: `FILE: `, or `TVAEConfig.`.

    Raises:
        ValueError: naming the first that is wrong, what it has to be, and its value.
    """
    if _checked_before and find_spec("pydantic") is None:
        return
    from pydantic import ValidationError

    try:
        _schema(table).model_validate(dict(values))
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
    else:
        return
    name = str(wrong["loc"][0])
    shown = str(values[name]) if not isinstance(values[name], str) else repr(values[name])
    wanted = _wanted(settings_of(table)[name].kind, len(wrong["loc"]) > 1, wrong)
    raise ValueError(f"{where}{name} {wanted}, not {shown[:60]}")


def _wanted(kind: type, inside: bool, wrong: Mapping[str, Any]) -> str:
    """What a value has to be, from pydantic's error."""
    limit = dict(wrong.get("ctx") or {})
    match wrong["type"]:
        case "literal_error":
            return f"is {limit['expected']}".replace("'", "")
        case "greater_than_equal" if not inside and limit["ge"] == 0:
            return "must be 0 or more"
        case "greater_than_equal" if not inside:
            return f"must be at least {limit['ge']:g}"
        case "greater_than":
            return f"must be above {limit['gt']:g}"
        case "less_than_equal":
            return f"must be at most {limit['le']:{',g' if kind is float else ','}}"
        case "less_than":
            return f"must be below {limit['lt']:g}"
        case "too_long":
            return f"must be at most {limit['max_length']} numbers"
        case "greater_than_equal" | "too_short":
            return "must be at least one layer each"
        case _:
            return f"must be {_KINDS[kind]}"
