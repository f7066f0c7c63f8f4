"""What both halves of a rebuild use: the survey, what has been done so far, and where set-aside files go."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from cmrpipe.progress import Listener, Progress
from cmrpipe.store.verify import Verdict
from cmrpipe.workspace import HERE
from flows.integrity.diagnosis import object_path
from flows.integrity.objects import RemoteError
from flows.integrity.survey import Survey

log = structlog.get_logger(__name__)

ASIDE = HERE.state / "set-aside"


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that did not come back, why, and what was made from it."""

    path: str
    why: str
    used_by: tuple[str, ...] = ()


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did: (path, way it came back) in order; what is lost; what a person must decide."""

    restored: list[tuple[str, str]] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    left: list[Verdict] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing is bad any more."""
        return not self.lost and not self.left


@dataclass(slots=True)
class Work:
    """A rebuild under way.

    Attributes
    ----------
    survey : what is there; kept up to date with what was brought back
    listen : told of every file that came back
    total : how many were bad
    """

    survey: Survey
    listen: Listener
    total: int
    result: Rebuilt = field(default_factory=Rebuilt)

    def came(self, path: str, way: str) -> None:
        """Note what came back, and how."""
        self.result.restored.append((path, way))
        self.listen(Progress("rebuild", path, min(len(self.result.restored), self.total), self.total, way))

    def aside(self, path: str) -> Path:
        """A free place to keep what stands where a file belongs: nothing that may be somebody's work is deleted."""
        target = self.survey.root / ASIDE / path
        number = 0
        while target.exists():
            number += 1
            target = target.with_name(f"{Path(path).name}.{number}")
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def source_name(self) -> str:
        """What to call the remote that is fetched from."""
        return f"remote {self.survey.source.name}" if self.survey.source else "remote"

    def to_cache(self, oid: str) -> bool:
        """Bring an object from the remote into the cache; whether it came."""
        survey = self.survey
        try:
            if survey.source is None or not survey.source.fetch(oid, survey.cache):
                return False
        except RemoteError as error:
            if survey.remote is not None:
                raise
            log.warning("going on without the remote", reason=str(error))
            survey.source = None
            return False
        survey.cached[oid] = survey.cache.digest(oid)
        self.came(object_path(oid), f"cache: from {self.source_name()}")
        return survey.whole_cached(oid)
