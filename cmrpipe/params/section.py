"""What all sections of params.yaml have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """A section of params.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false, which YAML has many words for, where they would pass as 1 and 0."""
        kind = cls.model_fields[info.field_name or ""].annotation
        members = value if isinstance(value, list | tuple) else (value,)
        if kind is not bool and any(isinstance(member, bool) for member in members):
            raise ValueError("neither true nor false (on, off, yes, no) can stand here")
        return value
