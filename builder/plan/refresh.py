"""Whether the indexes that layers were built from have changed upstream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from builder import digest
from builder.errors import HostError
from builder.events import Decision, Emit, Notice
from builder.guest.gateway import to_host_url
from builder.install_trees.url import shown
from builder.layers import Generation
from builder.paths import Output
from builder.plan.chain import PlacedLink, Renewal
from builder.plan.previous import PreviousBuild
from builder.upstream import Upstream, UpstreamAnswer

Policy = Literal["keep", "fail"]

OWN_SCHEMES = ("file:", "copy:", "cdrom:", "cd:", "dvd:", "dir:", "hd:", "iso:")
"""URLs of repositories inside the guest: they belong to earlier layers, or to the recipe's media."""

UNKNOWN = "golden has no record of what it saw upstream"


@dataclass(frozen=True, slots=True)
class Refresh:
    """How a plan checks upstream.

    `on_unreachable`: a server that does not answer counts as unchanged (`keep`, with a warning), or is a HostError
    (`fail`). A file that is gone counts as unreachable: a build from it would fail, and a mirror that is being
    updated has such moments.

    Plans that are made together share an `upstream`. Without `layers` only what planning itself needs is asked for,
    such as the install trees of kickstarts.
    """

    on_unreachable: Policy = "keep"
    upstream: Upstream | None = None
    layers: bool = True

    def at(self, output: Output) -> Refresh:
        """The same, with an `upstream` that remembers its answers in the output folder."""
        return self if self.upstream else replace(self, upstream=Upstream(output.upstream))


@dataclass(frozen=True, slots=True)
class UpstreamMove:
    """An index that changed since an action saw it: its URL, without password, and its digests.

    `step` is the first action that saw it. `before` is None if only its existence was known.
    """

    url: str
    step: str
    title: str
    before: str | None
    after: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Observation:
    """What the action with the number `action` saw at `url`, which this host reaches at `host_url`."""

    action: int
    url: str
    host_url: str
    sha256: str | None


def find_moves(
    placed: Sequence[PlacedLink], previous: PreviousBuild, refresh: Refresh, emit: Emit
) -> tuple[tuple[UpstreamMove, ...], Renewal | None]:
    """The indexes that changed since these layers saw them, each once, and the renewal of the first stale layer.

    For layers that are gone, the previous version's manifest says what they saw. Raises HostError for a server that
    does not answer, if that is the policy.
    """
    assert refresh.upstream
    records = [observations_of(each, previous) for each in placed]
    unknown = [number for number, record in enumerate(records) if record is None]
    seen = [each for number, record in enumerate(records) for each in checkable(number, record or {})]
    answers = ask(refresh.upstream, seen)
    report_unreachable(refresh.on_unreachable, {each.url: answers[each.host_url] for each in seen}, emit)
    for each in seen:
        emit(decide(each, answers[each.host_url]))
    stale = [each for each in seen if answers[each.host_url].sha256 not in (None, each.sha256)]
    first = min([*unknown, *(each.action for each in stale)], default=None)
    if first is None:
        return (), None
    moved: dict[str, UpstreamMove] = {}
    for each in stale:
        step, after = placed[each.action].link, answers[each.host_url].sha256
        assert after
        moved.setdefault(each.url, UpstreamMove(shown(each.url), step.step, step.title, each.sha256, after))
    return tuple(moved.values()), renew(
        placed[first], {each.url: moved[each.url].after for each in stale if each.action == first}
    )


def decide(seen: Observation, answer: UpstreamAnswer) -> Decision:
    """Whether what was built from an index is still up to date."""
    if answer.sha256 is None:
        return Decision(f"keep what was built from {shown(seen.url)}", f"it cannot be checked: {answer.reason}")
    if answer.sha256 == seen.sha256:
        return Decision(f"keep what was built from {shown(seen.url)}", "the index is unchanged")
    return Decision(f"rebuild what was built from {shown(seen.url)}", "the index changed")


def renew(stale: PlacedLink, moved: Mapping[str, str]) -> Renewal:
    """The next generation of a stale layer, which depends on the layer and on what changed."""
    because = f"{', '.join(dict.fromkeys(map(name_of, moved)))} changed upstream" if moved else UNKNOWN
    nonce = digest.of_value([stale.key, moved])
    return Renewal(stale.natural, Generation(nonce, because), stale.link.cache)


def observations_of(placed: PlacedLink, previous: PreviousBuild) -> Mapping[str, str | None] | None:
    """What an action saw upstream; None if its record was not kept."""
    if placed.layer:
        observations: Mapping[str, str | None] = placed.layer.record.get("observations", {})
        return observations
    return previous.observations.get(placed.key, {})


def checkable(number: int, record: Mapping[str, str | None]) -> Iterator[Observation]:
    """The observations that this host can repeat: the base's are the host's own, the others a guest's."""
    for url, sha256 in record.items():
        if number == 0:
            yield Observation(number, url, url, sha256)
        elif not url.startswith(OWN_SCHEMES):
            yield Observation(number, url, to_host_url(url), sha256)


def ask(upstream: Upstream, seen: Sequence[Observation]) -> dict[str, UpstreamAnswer]:
    """What is upstream now. An earlier answer may be older than a layer, so a difference is asked for again."""
    urls = {each.host_url for each in seen}
    known = upstream.find_known(urls)
    answers = upstream.fetch(urls)
    again = [each for each in seen if each.host_url in known and answers[each.host_url].sha256 != each.sha256]
    return answers | upstream.fetch({each.host_url for each in again}, again=True)


def report_unreachable(policy: Policy, answers: Mapping[str, UpstreamAnswer], emit: Emit) -> None:
    """Warn once for each host that does not answer. Raises HostError instead, if that is the policy."""
    silent: dict[str, str] = {}
    for url, answer in answers.items():
        if answer.sha256 is None:
            silent.setdefault(host_of(url), f"{shown(url)}: {answer.reason}")
    if silent and policy == "fail":
        raise HostError(
            f"cannot check upstream for changes: {', '.join(silent)}",
            details="\n".join(silent.values()),
            hint="pass --on-unreachable keep to use what was built before",
        )
    for host, reason in silent.items():
        text = f"cannot check {host} for changes; what was built from it is kept\n  {reason}"
        emit(Notice(text, warning=True))


def host_of(url: str) -> str:
    """The host and port of a URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "this host"
    except ValueError:
        return url


def name_of(url: str) -> str:
    """The usual name of the repository with this index: its suite, or its address."""
    place = shown(url).removesuffix("/repodata/repomd.xml").removesuffix("/InRelease").removesuffix("/Release")
    return place.partition("/dists/")[2] or place
