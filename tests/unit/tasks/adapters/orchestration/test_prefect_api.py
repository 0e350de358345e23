"""What is only shown on the Prefect server never breaks the work."""

import httpx
import pytest
from prefect.artifacts import create_progress_artifact
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from image_tags.tasks.adapters.orchestration.prefect_api import ignore_unreachable_server
from tests.support.processes import free_port


# Prefect 4 will want a flow run for it; here there is none.
@pytest.mark.filterwarnings("ignore:Artifact creation outside of a flow:FutureWarning")
def test_a_server_that_is_away_is_asked_once_and_the_work_goes_on():
    asked = []
    with (
        temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}),
        ignore_unreachable_server(),
    ):
        asked.append(PREFECT_CLIENT_MAX_RETRIES.value())
        create_progress_artifact(0.0)
        asked.append("there was an answer")
    assert asked == [0]


def test_an_answer_that_says_no_is_no_reason_to_stop():
    with ignore_unreachable_server():
        raise httpx.HTTPStatusError(
            "busy", request=httpx.Request("GET", "http://a"), response=httpx.Response(503)
        )


def test_what_is_not_the_server_s_fault_is_raised():
    with pytest.raises(KeyError), ignore_unreachable_server():
        raise KeyError
