"""How little it takes to undo a candidate's refusals, beside its base's: few-step tuning and steering."""

from modelassay.whitebox.tampering.check import Tampering, TamperingCheck, examine_tampering

__all__ = ["Tampering", "TamperingCheck", "examine_tampering"]
