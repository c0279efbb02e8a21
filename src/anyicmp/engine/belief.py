"""Whether what was heard is about the probe that a slot holds, by what it brings back of the probe's data.

Identifier, sequence and addresses are compared before, by the method and the exchange.
"""

from __future__ import annotations

from anyicmp.engine.plan import Plan
from anyicmp.engine.quarantine import Quarantine
from anyicmp.engine.table import Table
from anyicmp.methods.base import Answer, Answers, ProbeMethod, Told
from anyicmp.wire.batch import PacketBatch

__all__ = ["is_ours"]


def is_ours(
    method: ProbeMethod,
    table: Table,
    quarantine: Quarantine,
    rx: PacketBatch,
    i: int,
    answers: Answers,
    slot: int,
    plan: Plan,
) -> bool:
    """Whether generation and nonce, or the payload without a token, are those of the slot's probe."""
    reply, told = answers.kinds[i] == Answer.REPLY, answers.whole[i]
    if answers.ports[i] != plan.template.port:
        return False
    if plan.template.carries_token:
        if told in (Told.WHOLE, Told.TOKEN):
            ours = answers.tokens[i] >> 16 & 0xFFFFFFFF == table.generation[slot]
            return ours and (told == Told.TOKEN or answers.nonces[i] == table.nonce[slot])
        if told == Told.HALF:
            return answers.nonces[i] >> 16 == table.nonce[slot] >> 16
        # A router may quote no more than the 8 octets of the echo header; a target has no excuse. And what
        # is quoted may be the probe without a token that had this slot before.
        return not reply and not quarantine.held[slot]
    if reply:
        return method.echoes(rx, i, plan.template)
    heard = answers.tokens[i] >> 16 & 0xFFFFFFFF, answers.nonces[i]
    return not answers.whole[i] or heard == plan.template.words
