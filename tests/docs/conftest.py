from tests.commands.conftest import here, offline

__all__ = ["here", "offline"]
