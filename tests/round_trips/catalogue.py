"""Every round trip, by name."""

from tests.round_trips import colab, elsewhere, hands, jupyter, vscode  # noqa: F401
from tests.round_trips.trip import TRIPS, travelled

__all__ = ["TRIPS", "travelled"]
