"""Whether what layers saw upstream is still there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from builder import digest
from builder.errors import HostError
from builder.events import Decision, Emit, Notice
from builder.guest.gateway import seen_from_host
from builder.install_trees.url import shown
from builder.layers import Generation
from builder.paths import Output
from builder.plan.chain import PlacedLink, Renewal
from builder.plan.past import PreviousBuild
from builder.upstream import Upstream, UpstreamAnswer

Policy = Literal["keep", "fail"]

OWN_SCHEMES = ("file:", "copy:", "cdrom:", "cd:", "dvd:", "dir:", "hd:", "iso:")
"""What repositories in a guest itself begin with: they are part of the layers below, or of the recipe's media."""

UNKNOWN = "what it saw upstream is not known any more"


@dataclass(frozen=True, slots=True)
class Refresh:
    """How to look upstream while planning.

    `on_unreachable`: what cannot be asked for counts as unchanged (`keep`, with a warning), or is a
    HostError (`fail`). A file that was there and is missing now counts as unreachable, too: to build on it
    would fail, and a mirror in the middle of its own update has such moments.

    `upstream` is shared by what is planned together. Without `layers` it is only asked what planning itself
    needs to know, as the install trees of kickstarts.
    """

    on_unreachable: Policy = "keep"
    upstream: Upstream | None = None
    layers: bool = True

    def at(self, output: Output) -> Refresh:
        """The same, with an `upstream` in any case."""
        return self if self.upstream else replace(self, upstream=Upstream(output.upstream))


@dataclass(frozen=True, slots=True)
class UpstreamMove:
    """A thing upstream that is another than an action saw: its URL, without password, and its digests.

    `step` is the first action that saw it. `before` is None where only its being there was known.
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
    """One observation: by whom, of what, as this host asks for it, and what was found there."""

    by: int
    url: str
    asked: str
    sha256: str | None


def find_moves(
    standing: Sequence[PlacedLink], past: PreviousBuild, refresh: Refresh, emit: Emit
) -> tuple[tuple[UpstreamMove, ...], Renewal | None]:
    """What moved upstream of what these layers saw, each once, and the first of them that is stale by it, renewed.

    Layers that are gone saw what the last version's manifest tells. Raises HostError where that is the policy.
    """
    assert refresh.upstream
    records = [observed(each, past) for each in standing]
    unknown = [number for number, record in enumerate(records) if record is None]
    seen = [each for number, record in enumerate(records) for each in readable(number, record or {})]
    answers = ask(refresh.upstream, seen)
    complain(refresh.on_unreachable, {each.url: answers[each.asked] for each in seen}, emit)
    for each in seen:
        emit(decide(each, answers[each.asked]))
    stale = [each for each in seen if answers[each.asked].sha256 not in (None, each.sha256)]
    first = min([*unknown, *(each.by for each in stale)], default=None)
    if first is None:
        return (), None
    moved: dict[str, UpstreamMove] = {}
    for each in stale:
        step, after = standing[each.by].link, answers[each.asked].sha256
        assert after
        moved.setdefault(each.url, UpstreamMove(shown(each.url), step.step, step.title, each.sha256, after))
    return tuple(moved.values()), renew(
        standing[first], {each.url: moved[each.url].after for each in stale if each.by == first}
    )


def decide(seen: Observation, answer: UpstreamAnswer) -> Decision:
    """Whether what was built from an index is still up to date."""
    if answer.sha256 is None:
        return Decision(f"keep what was built from {shown(seen.url)}", f"it cannot be checked: {answer.reason}")
    if answer.sha256 == seen.sha256:
        return Decision(f"keep what was built from {shown(seen.url)}", "the index is unchanged")
    return Decision(f"rebuild what was built from {shown(seen.url)}", "the index changed")


def renew(stale: PlacedLink, moved: Mapping[str, str]) -> Renewal:
    """The next generation of a stale layer: another for every layer, and for whatever it is stale by."""
    because = f"{', '.join(dict.fromkeys(map(name_of, moved)))} moved upstream" if moved else UNKNOWN
    nonce = digest.of_value([stale.key, moved])
    return Renewal(stale.natural, Generation(nonce, because), stale.link.cache)


def observed(each: PlacedLink, past: PreviousBuild) -> Mapping[str, str | None] | None:
    """What an action saw upstream; None where that is known to be unknown."""
    if each.layer:
        found: Mapping[str, str | None] = each.layer.record.get("observations", {})
        return found
    return past.observations.get(each.key, {})


def readable(number: int, record: Mapping[str, str | None]) -> Iterator[Observation]:
    """The observations that this host can make, too: the base's are its own, the others those of a guest."""
    for url, sha256 in record.items():
        if number == 0:
            yield Observation(number, url, url, sha256)
        elif not url.startswith(OWN_SCHEMES):
            yield Observation(number, url, seen_from_host(url), sha256)


def ask(upstream: Upstream, seen: Sequence[Observation]) -> dict[str, UpstreamAnswer]:
    """What is upstream now. Nothing is stale by an answer of some time ago: a layer may be younger than it."""
    urls = {each.asked for each in seen}
    heard = upstream.heard(urls)
    answers = upstream.look(urls)
    doubtful = {each.asked for each in seen if each.asked in heard and answers[each.asked].sha256 != each.sha256}
    return answers | upstream.look(doubtful, again=True)


def complain(policy: Policy, answers: Mapping[str, UpstreamAnswer], emit: Emit) -> None:
    """Say once for each host what could not be had from it. Raises HostError instead, if that is the policy."""
    silent: dict[str, str] = {}
    for url, answer in answers.items():
        if answer.sha256 is None:
            silent.setdefault(host_of(url), f"{shown(url)}: {answer.reason}")
    if silent and policy == "fail":
        raise HostError(
            f"cannot tell what is new upstream, at {', '.join(silent)}",
            details="\n".join(silent.values()),
            hint="--on-unreachable keep goes on with what was built from there",
        )
    for host, reason in silent.items():
        text = f"cannot tell what is new at {host}: what was built from there is kept as it is\n  {reason}"
        emit(Notice(text, warning=True))


def host_of(url: str) -> str:
    """The server that a URL names, with its port."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "this host"
    except ValueError:
        return url


def name_of(url: str) -> str:
    """What people call the repository with this index: the suite, or its address."""
    place = shown(url).removesuffix("/repodata/repomd.xml").removesuffix("/InRelease").removesuffix("/Release")
    return place.partition("/dists/")[2] or place
