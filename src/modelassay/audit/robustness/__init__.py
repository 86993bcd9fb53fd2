"""How firm a sealed verdict is, and what a model held against itself shows; all from sealed evidence.

`replay` decides again with something otherwise; `leaving_out`, `edges`, `judge_error` and `readers` say what,
`firmness` puts it into one sentence, `noise` reads a noise floor. `results` holds what comes out.
"""

from modelassay.audit.robustness.analysis import analyse
from modelassay.audit.robustness.noise import beside_noise, noise_floor
from modelassay.audit.robustness.replay import Replay
from modelassay.audit.robustness.results import Beside, NoiseFloor, Robustness

__all__ = ["Beside", "NoiseFloor", "Replay", "Robustness", "analyse", "beside_noise", "noise_floor"]
