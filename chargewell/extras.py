"""Parts that are installed on demand: a missing one is named with the command that installs it."""

from importlib import import_module


class MissingExtraError(RuntimeError):
    """A package of an extra is not installed."""


def need(extra: str, *modules: str) -> None:
    """MissingExtraError unless all `modules` of the extra can be imported."""
    for name in modules:
        try:
            import_module(name)
        except ImportError as error:
            raise MissingExtraError(
                f"this needs {name.partition('.')[0]}, which is not installed ({error}): "
                f"python -m pip install 'chargewell[{extra}]'"
            ) from error
