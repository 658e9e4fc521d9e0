"""Many compressions of one model, on every core or on a cluster, each done once: the way to a Pareto front."""

from mlfpga.compress.sweeps.exploration import Exploration, explore
from mlfpga.compress.sweeps.recipe import Recipe, apply, grid
from mlfpga.compress.sweeps.sweep import SweepError, sweep

__all__ = ["Exploration", "Recipe", "SweepError", "apply", "explore", "grid", "sweep"]
