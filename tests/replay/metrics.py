"""Holds what /metrics says of a day against what clients have seen, and against what is kept."""

from collections import Counter
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families
from replay.comparing import Differences
from replay.people import TOOLS
from replay.truth import Client
from replay.world import UPLOADER, World
from wire import eventually

TOKEN = "a-token-that-nobody-guesses"

Series = Mapping[tuple[str, ...], float]


def compare_metrics(world: World) -> Differences:
    """Compare what the server has counted, and the numbers of the instance that it reads.

    The last answers are counted, and the database is read again, a moment later.
    """
    found = Differences()

    def is_right() -> bool:
        nonlocal found
        found = _compare(world)
        return not found

    try:
        eventually(is_right, seconds=20)
    except AssertionError:
        assert found
    return found


def _compare(world: World) -> Differences:
    # The answer can't hold the request for itself.
    expected, sent = _expected(world), _sent(world)
    values, found = _scrape(world), Differences()
    for name, true in expected.items():
        found.compare(name, _given(values.get(name, {})), _given(true))
    shown = values["minifile_sent_bytes_total"][()]
    if not sent[0] <= shown <= sent[1]:
        found.append(f"sent: found {shown}, and true is something from {sent[0]} to {sent[1]}")
    return found


def _expected(world: World) -> dict[str, Series]:
    truth, wire = world.truth, world.wire
    kept = [each for each in truth.links if not each.is_gone]
    sizes = [file.size for each in kept for file in each.files]
    return {
        "minifile_requests_total": {
            (method, str(status)): count for (method, status), count in wire.requests.items()
        },
        "minifile_downloads_total": {
            **{(result,): count for result, count in truth.answers.items()},
            ("refused",): wire.refused,
        },
        "minifile_uploads_total": {("completed",): len(truth.links)},
        "minifile_received_bytes_total": {(): wire.sent},
        "minifile_links": Counter((truth.standing(each, world.now),) for each in kept),
        "minifile_files": {(): len(sizes)},
        "minifile_stored_bytes": {(): sum(sizes)},
        "minifile_errors_total": {},
        "minifile_rate_limit_hits_total": {},
        "minifile_transfers_in_progress": {},
        "minifile_waiting": {},
    }


def _sent(world: World) -> tuple[int, int]:
    """Return least and most of what was sent: nobody knows what was on its way when one was cut."""
    cut = [
        (each.ranges[0][1], each.file.size)
        for slot in world.truth.slots
        for each in slot.deliveries.values()
        if each.is_fuzzy
    ]
    received = world.wire.received
    return received + sum(least for least, _ in cut), received + sum(most for _, most in cut)


def _scrape(world: World) -> dict[str, dict[tuple[str, ...], float]]:
    """Return all series by name and labels; requests of all routes together."""
    client = Client(UPLOADER, TOOLS[0])
    answer = world.ask(client, "/metrics", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200, answer.body
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            labels = tuple(v for name, v in sorted(sample.labels.items()) if name != "route")
            series = found.setdefault(sample.name, {})
            series[labels] = series.get(labels, 0) + sample.value
    return found


def _given(series: Series) -> Series:
    return {labels: value for labels, value in series.items() if value}
