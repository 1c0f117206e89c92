"""carnet keeps vehicle data in its country and lets out only what the law allows, with proof."""

__version__ = "0.1.0"
