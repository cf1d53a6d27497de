"""Read the output of ``php-fpm -t``: the path of the default configuration."""

from __future__ import annotations

from ...contracts import Detected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...service import Service


def detect(_service: Service, output: str) -> Detected:
    """Return the path of the configuration that was tested."""
    import re

    config = re.search(r"configuration file '?(/[^\s']+)", output)
    if config is None:
        return Detected(facts={})
    return Detected(facts={"config": config[1], "default_config": config[1]})
