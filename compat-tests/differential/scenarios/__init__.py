"""The hand-written scenarios, one module for each family of APIs.

A scenario is a function of a Session. It names the APIs it is about: the script runs once for every version of
them (round 0 takes each one's lowest version, every further round one higher); other APIs use their highest.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Callable


@dataclass
class Scenario:
    name: str
    apis: tuple
    script: Callable
    once: bool
    alone: bool
    first: bool

    def rounds(self, served):
        """How many rounds cover every version of its APIs; none when one of them is not served."""
        if any(api not in served for api in self.apis):
            return 0
        if self.once:
            return 1
        return max(served[api][1] - served[api][0] + 1 for api in self.apis)


REGISTRY = []


def scenario(*apis, once=False, alone=False, first=False):
    """Register a script. `once`: the script itself goes through the versions, one round is enough. `alone`: it
    changes what every other script sees, or would see what others change. `first`: it sees the brokers as they start,
    without their internal topics."""
    def register(script):
        name = f"{script.__module__.rpartition('.')[2]}.{script.__name__}"
        REGISTRY.append(Scenario(name, apis, script, once, alone, first))
        return script
    return register


def load_all():
    """Import every module of this package and return all scenarios in a fixed order."""
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"scenarios.{module}")
    return REGISTRY
