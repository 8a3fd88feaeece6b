"""What all sections of the settings have in common."""

from pydantic import BaseModel, ConfigDict, model_validator

from mailserver.foundation.settings.checks import MOST


class Section(BaseModel):
    """Frozen, and without unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _check_kinds(cls, values: object) -> object:
        """TOML has kinds of its own: `true`, "25" and 25.0 are no whole numbers, and 1 and "yes" are not `true`."""
        for name, value in values.items() if isinstance(values, dict) else ():
            kind = cls.model_fields[name].annotation if name in cls.model_fields else None
            if kind is int and (type(value) is not int or abs(value) > MOST):
                raise ValueError(f"{name} is no whole number, or too large a one")
            if kind is bool and type(value) is not bool:
                raise ValueError(f"{name} is neither true nor false")
        return values
