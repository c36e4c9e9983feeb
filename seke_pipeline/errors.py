"""The one error tree: every error a user can meet says what is wrong and ends with the cure.

Each room subclasses `SekeError` for its own border; nothing else is raised on purpose across rooms.
"""


class SekeError(Exception):
    """Something the user can mend.

    Args:
        problem: what is wrong, with the offending name and value.
        cure: what to do, as an imperative; it ends the text.
    """

    def __init__(self, problem: str, *, cure: str) -> None:
        self.problem = problem.rstrip(". ")
        self.cure = cure.rstrip(". ")
        super().__init__(f"{self.problem}. Cure: {self.cure}.")


class SettingsError(SekeError):
    """The settings file or an environment variable is wrong."""
