"""A signal ends a process in order; a second one at once."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

PROGRAM = """
import sys, threading, time
from image_tags.flows.signals import listen
from image_tags.tasks.adapters.interruption import interruption

def work():
    with interruption.call():
        print("in flight", flush=True)
        if sys.argv[1] == "answers":
            while not interruption.is_requested:
                threading.Event().wait(0.01)
            print("saved", flush=True)
        else:
            threading.Event().wait(600)

with listen() as listener:
    if sys.argv[2:]:
        import subprocess
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.pid, flush=True)
    threading.Thread(target=work).start()
    threading.Event().wait(600)
"""


STOPPED = """
import threading
from image_tags.flows.signals import close_on_signal, listen
from image_tags.tasks.adapters.interruption import interruption

def close(number):
    over.wait(0.5)

over = threading.Event()
with listen():
    close_on_signal(close)
    print("at work", flush=True)
    while not interruption.is_requested:
        over.wait(0.01)
    raise RuntimeError("The server says that this run has ended.")
"""


def start(*words, program=PROGRAM):
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_answer_in_flight_is_saved_and_one_sentence_printed(number):
    with start("answers") as process:
        assert process.stdout.readline() == "in flight\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert out == "saved\n"
    assert err.strip() == "Interrupted. Nothing is lost; run the same command again."


def test_what_a_closed_run_meets_is_not_shown():
    with start(program=STOPPED) as process:
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert err.strip() == "Interrupted. Nothing is lost; run the same command again."


def test_a_call_that_never_answers_holds_the_end_up_for_seconds_only():
    with start("hangs") as process:
        assert process.stdout.readline() == "in flight\n"
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert time.monotonic() - begun < 5


def test_a_second_signal_waits_for_nothing_and_no_process_is_left():
    with start("hangs", "with a child") as process:
        child = int(process.stdout.readline())
        assert process.stdout.readline() == "in flight\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "\n"
        assert process.stderr.readline().startswith("Interrupted.")
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert process.returncode == 128 + signal.SIGINT
    assert not psutil.pid_exists(child)
