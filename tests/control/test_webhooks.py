"""Webhooks: signed so that the standard's own library accepts them, and never to an internal address."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from procrastinate.jobs import Job
from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from control import webhooks
from control.settings import ControlSettings, WebhookSettings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the receiver's in conftest.py
LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "64:ff9b:1::7f00:1",  # translation within a network, RFC 8215
        "::7f00:1",  # IPv4-compatible
        "::ffff:0:127.0.0.1",  # IPv4-translated
        "fec0::1",  # site-local
    ],
)
def test_an_internal_address_is_blocked_also_in_disguise(address):
    with pytest.raises(webhooks.BlockedAddressError, match="internal address"):
        webhooks.checked("hooks.example", [address], ())


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_reached(address):
    assert webhooks.checked("hooks.example", [address], ()) == [address]


def test_one_internal_address_among_public_ones_blocks_them_all():
    with pytest.raises(webhooks.BlockedAddressError, match=r"10\.0\.0\.1"):
        webhooks.checked("hooks.example", ["8.8.8.8", "10.0.0.1"], ())


def test_a_name_without_address_is_blocked():
    with pytest.raises(webhooks.BlockedAddressError, match="no address"):
        webhooks.checked("hooks.example", [], ())


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=6, network="fc00::/7"))
def test_no_private_address_gets_through(address):
    with pytest.raises(webhooks.BlockedAddressError):
        webhooks.checked("hooks.example", [str(address)], LOOPBACK)


def post(hook, allowed=LOOPBACK, now=None):
    asyncio.run(webhooks.post(hook, "msg_1", {"type": "incident.opened", "data": {"port": "Ä/1"}}, allowed, now=now))


def test_the_receiver_can_verify_what_it_gets(receiver):
    post(receiver.hook)

    ((headers, body),) = receiver.got
    said = {k.lower(): v for k, v in headers.items()}
    assert Webhook(SECRET).verify(body, said) == json.loads(body)
    assert said["webhook-id"] == "msg_1"
    assert said["host"] == f"127.0.0.1:{receiver.server.server_port}"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"/1", b"/2"), said)


def test_an_old_message_is_told_from_a_new_one_by_its_timestamp(receiver):
    post(receiver.hook, now=datetime.now(UTC) - timedelta(hours=1))

    ((headers, body),) = receiver.got
    with pytest.raises(WebhookVerificationError, match="old"):
        Webhook(SECRET).verify(body, {k.lower(): v for k, v in headers.items()})


def test_a_receiver_on_an_internal_address_gets_nothing_unless_it_is_allowed(receiver):
    with pytest.raises(webhooks.BlockedAddressError):
        post(receiver.hook, allowed=())

    assert receiver.got == []


def test_a_name_that_resolves_to_an_internal_address_gets_nothing(receiver):
    hook = receiver.hook.model_copy(update={"url": f"http://localhost:{receiver.server.server_port}/in"})

    with pytest.raises(webhooks.BlockedAddressError):
        post(hook, allowed=())

    assert receiver.got == []


def test_a_redirect_is_not_followed(receiver):
    receiver.status, receiver.headers = 302, {"location": receiver.hook.url.unicode_string() + "/elsewhere"}

    with pytest.raises(webhooks.WebhookError, match="302"):
        post(receiver.hook)

    assert len(receiver.got) == 1


def test_a_public_receiver_needs_https(monkeypatch):
    async def public(*_):
        return ["8.8.8.8"]

    monkeypatch.setattr(webhooks, "resolve", public)
    with pytest.raises(webhooks.BlockedAddressError, match="use https"):
        post(WebhookSettings(name="desk", url="http://hooks.example/in", secret=SECRET))


def attempts(exception, tried):
    job = Job(id=1, lock=None, queueing_lock=None, task_name="t", queue="q", attempts=tried)
    return webhooks.Patience().get_retry_decision(exception=exception, job=job)


def test_it_is_tried_again_for_three_days_and_then_given_up():
    waits = [attempts(webhooks.WebhookError("x"), n) for n in range(len(webhooks.PAUSES_S))]

    assert None not in waits
    assert attempts(webhooks.WebhookError("x"), len(webhooks.PAUSES_S)) is None
    assert sum(webhooks.PAUSES_S) > 3 * 86_400


def test_a_receiver_that_wants_nothing_more_is_left_alone(receiver):
    receiver.status = 410

    with pytest.raises(webhooks.WebhookGoneError) as caught:
        post(receiver.hook)

    assert attempts(caught.value, 0) is None


def test_a_receiver_that_asks_for_time_gets_it(receiver):
    receiver.status, receiver.headers = 429, {"retry-after": "3600"}

    with pytest.raises(webhooks.WebhookError) as caught:
        post(receiver.hook)

    assert attempts(caught.value, 0).retry_at > datetime.now(UTC) + timedelta(minutes=59)


def test_a_dead_receiver_is_an_error_that_names_it(unused_port):
    with pytest.raises(webhooks.WebhookError, match="desk: ConnectError"):
        post(WebhookSettings(name="desk", url=f"http://127.0.0.1:{unused_port}/", secret=SECRET))


def test_two_receivers_of_one_name_are_refused():
    hook = {"name": "desk", "url": "https://hooks.example/", "secret": SECRET}

    with pytest.raises(ValidationError, match="two webhooks are called 'desk'"):
        ControlSettings(webhooks=[hook, hook])


def test_a_receiver_of_an_unknown_message_is_refused():
    with pytest.raises(ValidationError, match=r"'incident\.exploded' is no message"):
        WebhookSettings(name="desk", url="https://hooks.example/", secret=SECRET, events=["incident.exploded"])
