"""Sends requests: paced, signed in, repeated under the policy, faults raised."""

from dataclasses import dataclass, replace
from datetime import timedelta

from connector.dataverse.limits.application_users import ApplicationUsers
from connector.dataverse.limits.governor import is_throttle
from connector.dataverse.wire.errors import Reaction, build_error
from connector.dataverse.wire.metrics import WireMetrics
from connector.dataverse.wire.retrying import Retrier
from connector.dataverse.wire.transport import Reply, Request, Transport, read_fault
from connector.ports import Clock


@dataclass(slots=True)
class Attempts:
    """Counts how often a request was sent."""

    count: int = 0


class Channel:
    """What the readers and writers of this package call; safe for many threads."""

    def __init__(
        self,
        transport: Transport,
        users: ApplicationUsers,
        *,
        retrier: Retrier,
        clock: Clock,
        metrics: WireMetrics,
    ) -> None:
        self._transport = transport
        self.users = users
        self._retrier = retrier
        self._clock = clock
        self._metrics = metrics

    @property
    def root(self) -> str:
        """Scheme and host of the environment."""
        return self._transport.root

    @property
    def api(self) -> str:
        """The address every Web API resource is relative to."""
        return self._transport.api

    def call(self, request: Request, attempts: Attempts | None = None) -> Reply:
        """The successful answer.

        Raises RetriableError when repeating did not help or would take too long, RowFault for what
        concerns one row, FatalError, ConfigProblem or ResyncRequired for the rest.
        """
        counter = attempts if attempts is not None else Attempts()

        def attempt() -> Reply:
            counter.count += 1
            return self._send_paced(request)

        return self._retrier.run(request, attempt)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()
        self.users.close()

    def _send_paced(self, request: Request) -> Reply:
        user = self.users.choose(request.operation)
        ticket = user.governor.admit(request.operation, operations=request.operations)
        try:
            token = user.tokens.read_token()
            reply = self._transport.send(request, token=token)
        except BaseException:
            user.governor.abandon(ticket)
            raise
        self._metrics.request_finished(request.operation, reply.status, reply.seconds)
        if reply.is_success:
            user.governor.finish(ticket, reply.seconds, hint=_read_hint(reply))
            return reply
        fault = read_fault(reply, self._clock.now())
        if is_throttle(fault):
            user.governor.throttle(ticket, fault)
            if self.users.is_anybody_free(request.operation):
                fault = replace(fault, retry_after=timedelta(0))
        else:
            user.governor.finish(ticket, reply.seconds, hint=_read_hint(reply))
        if _holds_parts(reply) and not is_throttle(fault):
            return reply
        if fault.reaction is Reaction.SIGN_IN_AGAIN:
            user.tokens.drop_token(token)
        raise build_error(request.describe(), fault)


def _holds_parts(reply: Reply) -> bool:
    """A batch that stopped early has the failing status outside and the answers so far inside."""
    return reply.headers.get("Content-Type", "").lower().startswith("multipart/mixed")


def _read_hint(reply: Reply) -> int | None:
    text = reply.headers.get("x-ms-dop-hint", "")
    return int(text) if text.isdigit() else None
