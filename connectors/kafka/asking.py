"""Asking the brokers: patient while they look for their leaders, clear when nobody answers."""

from collections.abc import Callable
from typing import Final, TypeVar

import confluent_kafka as ck
import tenacity

from connectors.kafka.errors import KafkaUnreachableError
from connectors.kafka.settings import KafkaSettings

T = TypeVar("T")

_LEADERLESS: Final = (
    ck.KafkaError.NOT_LEADER_FOR_PARTITION,
    ck.KafkaError.LEADER_NOT_AVAILABLE,
    ck.KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    ck.KafkaError.COORDINATOR_NOT_AVAILABLE,
    ck.KafkaError.NOT_COORDINATOR,
)


def answer(settings: KafkaSettings, ask: Callable[[], T]) -> T:
    """What `ask` gives, asked again for up to `settings.timeout_s` while the brokers are still finding their leaders."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_passing),
        wait=tenacity.wait_fixed(0.1),
        stop=tenacity.stop_after_delay(settings.timeout_s),
        reraise=True,
    )
    try:
        return retrying(ask)
    except ck.KafkaException as error:
        raise KafkaUnreachableError(settings.bootstrap, error.args[0].str()) from error
    except TimeoutError as error:
        raise KafkaUnreachableError(settings.bootstrap, f"{settings.timeout_s:g} s passed") from error


def _passing(error: BaseException) -> bool:
    return isinstance(error, ck.KafkaException) and error.args[0].code() in _LEADERLESS
