"""Ports are free, outside the kernel's range for outgoing calls, and kept from start to start when they can be."""

import socket
from pathlib import Path

import pytest

from chargewell.services.ports import LOOPBACK, choose, free_port, is_free


@pytest.fixture
def listener():
    with socket.create_server((LOOPBACK, free_port())) as server:
        yield server.getsockname()[1]


def test_a_chosen_port_is_free_and_never_one_the_kernel_gives_to_clients():
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = [free_port() for _ in range(50)]

    assert all(1024 <= port < low and is_free(port) for port in ports)


def test_a_port_that_is_listened_on_is_not_free(listener):
    assert not is_free(listener)


def test_earlier_ports_are_taken_again_when_they_are_free():
    earlier = {"main": free_port()}

    assert choose(["main"], earlier, keep=False) == earlier


def test_a_taken_port_is_replaced_unless_it_must_be_kept(listener):
    earlier = {"main": listener}

    assert choose(["main"], earlier, keep=False) != earlier
    assert choose(["main"], earlier, keep=True) == earlier


def test_the_ports_of_one_service_differ():
    assert len(set(choose([str(i) for i in range(20)], {}, keep=False).values())) == 20
