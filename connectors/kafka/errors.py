"""What can go wrong with Kafka, each with what to do about it."""


class KafkaError(RuntimeError):
    """Base of the errors below."""


class KafkaUnreachableError(KafkaError):
    """No broker answered in time."""

    def __init__(self, bootstrap: str, reason: object) -> None:
        super().__init__(
            f"Kafka at {bootstrap} does not answer ({reason}). Is it running, and is the setting kafka.bootstrap right?"
        )


class DeliveryError(KafkaError):
    """A record was not written; what was sent after the last successful flush may be missing and must be sent again."""


class OffsetGoneError(KafkaError):
    """The record to go on from is not in the topic any more (or not yet: the topic was made anew)."""

    def __init__(self, topic: str, partition: int, wanted: int | None, low: int, high: int) -> None:
        where = "the offset it stopped at" if wanted is None else f"offset {wanted}"
        super().__init__(
            f"{topic} partition {partition}: {where} is gone, the topic holds {low} up to {high}. It was stopped for longer "
            f"than the topic's retention, or the topic was made anew. Nothing was skipped. Rebuild the state from the "
            f"database: chargewell flow NAME --rebuild; records that were deleted before they were stored are lost."
        )


class TopicError(KafkaError):
    """A topic is missing or does not have the layout that the settings name."""
