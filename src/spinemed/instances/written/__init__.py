"""Questions about written cases: each shows some sentences of a report and asks what follows from them."""

from spinemed.instances.written.ask import Meaning, ask_written, meaning_of
from spinemed.instances.written.kinds import KINDS
from spinemed.instances.written.templates import question_of

__all__ = ["KINDS", "Meaning", "ask_written", "meaning_of", "question_of"]
