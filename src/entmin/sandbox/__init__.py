"""Running code that nobody has read: `run` puts a `Program` into a sandbox and says what became of it.

What is and is not covered is written in docs/safety.md.
"""

from entmin.sandbox.limits import Case, Ending, Limits, Outcome, Program
from entmin.sandbox.sandbox import KINDS, Sandbox, open_sandbox

__all__ = ["KINDS", "Case", "Ending", "Limits", "Outcome", "Program", "Sandbox", "open_sandbox"]
