"""What every test has."""

from hypothesis import HealthCheck, settings

# No deadline an example: machines are shared and the first example pays for imports.
settings.register_profile("tests", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")
