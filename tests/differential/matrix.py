"""The matrix: message class × field × oracle, computed and rendered.

python tests/differential/matrix.py            prints the page
python tests/differential/matrix.py --write    writes it to docs/reference/codec-matrix.md
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import hypothesis

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "reference" / "codec-matrix.md"
if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parent / "wire")]

import scapy_oracle  # noqa: E402
import tshark  # noqa: E402
from bodies import BODIES  # noqa: E402
from cells import EVERY, NAMES  # noqa: E402
from generate import CUT_OFF, EACH, Sample, samples  # noqa: E402
from known import KNOWN, reason_for  # noqa: E402

HEAD = """\
# The codec beside scapy and tshark

<!-- Written by `python tests/differential/matrix.py --write`; a test compares it. -->

{total} generated packets were decoded by `anyicmp.wire`, by tshark {tshark} and by scapy {scapy}.
Each field was compared (generator: hypothesis {hypothesis}).
Of each class there are {each} whole messages, and {cut_off} that were cut off at a random octet
({all_cut_off} in all); {no_length} more have extensions without a length field, and {by_hand} are the byte
constants of `tests/wire/`.

Each cell says how many packets the oracle *agrees* on, how many are a *known disagreement* (listed
below the table: who is right, and why), and on how many it is *silent*: it does not show the field. A
field on which both are silent stands on a byte constant worked out from the RFC by hand (`tests/wire/`).

| message | field | tshark | scapy |
|---|---|---|---|"""

ORACLES = ("tshark", "scapy")


@attrs.define
class Tally:
    """What one oracle said about one field of one class."""

    asked: bool = True
    agrees: int = 0
    silent: int = 0
    known: Counter[str] = attrs.Factory(Counter)
    unexplained: list[tuple[Sample, Any, Any]] = attrs.Factory(list)

    @property
    def verdict(self) -> str:
        """In words, as it stands in the matrix."""
        if self.unexplained:
            return f"**disagrees** ({len(self.unexplained)})"
        if not self.agrees and not self.known:
            return "silent"
        parts = [f"agrees ({self.agrees})"] if self.agrees else []
        parts += [f"known disagreement {key} ({count})" for key, count in sorted(self.known.items())]
        if self.silent:
            parts.append(f"silent ({self.silent})")
        return ", ".join(parts)


Matrix = dict[tuple[str, str], dict[str, Tally]]
"""(class name, field) to oracle to tally."""


def compare(tally: Tally, oracle: str, label: str, sample: Sample, ours: Any, theirs: Any) -> None:
    """Add one comparison to a tally."""
    if theirs is None:
        if ours is not None:
            tally.silent += 1
    elif ours == theirs:
        tally.agrees += 1
    else:
        reason = reason_for(oracle, label, sample, ours, theirs)
        if reason:
            tally.known[reason] += 1
        else:
            tally.unexplained.append((sample, ours, theirs))


def compute(folder: Path) -> tuple[Matrix, list[Sample]]:
    """Ask both oracles about every sample."""
    packets = samples()
    fields = tshark.dissect([sample.packet for sample in packets], sorted(NAMES), folder)
    matrix: Matrix = {}
    for sample, found in zip(packets, fields, strict=True):
        name = sample.cls.__name__
        if sample.message is None:
            refused = matrix.setdefault(
                (name, "refuses what is cut off"), {each: Tally() for each in ORACLES}
            )
            theirs = None if "_ws.malformed" not in found else "refused"
            compare(refused["tshark"], "tshark", "refuses what is cut off", sample, "refused", theirs)
            refused["scapy"].silent += 1
            continue
        layers = scapy_oracle.dissect(sample.packet)
        if type(sample.message) is not sample.cls:
            continue  # cut off until it became another form
        for label, ours, in_tshark, in_scapy in (*EVERY, *BODIES[sample.cls]):
            tallies = matrix.setdefault((name, label), {each: Tally() for each in ORACLES})
            value = ours(sample.message)
            for oracle, getter, seen in (("tshark", in_tshark, found), ("scapy", in_scapy, layers)):
                theirs = getter(seen) if getter else None
                if theirs is not None or value is not None:
                    compare(tallies[oracle], oracle, label, sample, value, theirs)
    return matrix, packets


def page(matrix: Matrix, packets: list[Sample]) -> str:
    """The documentation page."""
    forms = Counter(sample.form for sample in packets)
    scapy, _, _ = scapy_oracle.load()
    lines = [
        HEAD.format(
            total=len(packets),
            tshark=tshark.version(),
            scapy=scapy.__version__,
            hypothesis=hypothesis.__version__,
            each=EACH,
            cut_off=CUT_OFF,
            all_cut_off=forms["cut off"],
            no_length=forms["no length"],
            by_hand=forms["by hand"],
        )
    ]
    for (name, label), tallies in sorted(matrix.items(), key=lambda item: item[0][0]):
        cells = [tallies[oracle].verdict for oracle in ORACLES]
        if cells == ["silent", "silent"]:
            cells = ["silent; by hand", "silent; by hand"]
        lines.append(f"| {name} | {label} | {cells[0]} | {cells[1]} |")
    lines += ["", "## Known disagreements", ""]
    met = {key for tallies in matrix.values() for tally in tallies.values() for key in tally.known}
    for key, known in KNOWN.items():
        if key in met:
            lines.append(f"- **{key}** ({known.oracle}): {known.who_is_right}")
    return "\n".join(lines) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        matrix, packets = compute(Path(folder))
    shown = page(matrix, packets)
    if "--write" in sys.argv:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(shown, "utf-8")
    else:
        sys.stdout.write(shown)
    for (name, label), tallies in matrix.items():
        for oracle, tally in tallies.items():
            for sample, ours, theirs in tally.unexplained[:2]:
                where = f"{name} {label} {oracle} {sample.form}"
                sys.stderr.write(f"{where}: {ours!r}, {theirs!r} in {sample.octets.hex()}\n")


if __name__ == "__main__":
    main()
