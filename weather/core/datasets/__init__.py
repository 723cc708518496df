"""Datasets: what Open-Meteo is asked for and what phones are shown of it, each in one declaration."""

from weather.core.datasets.air_quality import AIR_QUALITY
from weather.core.datasets.declaration import (
    UNUSUAL_LIFE_SECONDS,
    WIDEST_STEP,
    AnswerKind,
    Dataset,
    Section,
    cell_weight,
    rounded_up,
)
from weather.core.datasets.weather import USUAL_DAYS, WEATHER

__all__ = [
    "AIR_QUALITY",
    "DATASETS",
    "UNUSUAL_LIFE_SECONDS",
    "USUAL_DAYS",
    "WEATHER",
    "WIDEST_STEP",
    "AnswerKind",
    "Dataset",
    "Section",
    "cell_weight",
    "rounded_up",
]

#: All datasets that the service answers questions about.
DATASETS = (WEATHER, AIR_QUALITY)
