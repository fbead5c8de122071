"""Exit statuses: the one table from error class to the number a script sees, and its words."""

from stack_local.domain import errors

OK = 0
DEFECT = 1
USAGE = 2
INTERRUPTED = 130

_OF_CLASS: dict[type[errors.StackError], int] = {
    errors.Broken: DEFECT,
    errors.Conflict: 3,
    errors.Unauthorized: 4,
    errors.Forbidden: 5,
    errors.NotFound: 6,
    errors.InvalidRequest: 7,
    errors.TooLarge: 7,
    errors.Locked: 8,
    errors.Unavailable: 9,
    errors.NotServed: 9,
    errors.UpstreamFailed: 10,
    errors.UpstreamTimedOut: 10,
    errors.TooMany: 11,
}

EXIT_STATUSES = """\
Exit statuses:
  0    done
  1    a defect of ours, or a check that failed (doctor, audit verify)
  2    the command line is wrong
  3    it exists already, or its state forbids it now
  4    not authenticated: no session, wrong passphrase, a secret is missing
  5    known, and not allowed
  6    there is no such thing
  7    the request is invalid or too large
  8    the vault is locked or sealed
  9    nothing runs, or it cannot be done safely now
  10   the other service failed or was too slow
  11   too many at once, or in a while
  130  interrupted
"""
"""For the help and the documentation."""


def status_of(error: errors.StackError) -> int:
    """The exit status of an error: its class's, or that of the nearest class above."""
    return next((_OF_CLASS[kind] for kind in type(error).__mro__ if kind in _OF_CLASS), DEFECT)
