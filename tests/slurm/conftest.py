from tests.commands.conftest import here  # noqa: F401
