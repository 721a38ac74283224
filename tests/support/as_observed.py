"""What a client meets at the local Aurora, in the product's words: the adapter between the two."""

from __future__ import annotations

from aurora_restore.domain.observed import EndpointAnswer, EndpointAnswerKind, LoginAttempt, LoginOutcome
from local_aurora.access import LoginAnswer, ServerAnswer


def login_attempt(answer: LoginAnswer) -> LoginAttempt:
    return LoginAttempt(LoginOutcome(answer.outcome), answer.reason)


def endpoint_answer(answer: ServerAnswer) -> EndpointAnswer:
    kind = EndpointAnswerKind(answer.kind)
    return EndpointAnswer(kind, answer.reason, answer.instance_identifier, answer.certificate_names)
