"""One message is one line of JSON, UTF-8, ended by a newline.

Decoding accepts unknown fields (a newer peer may send them) and refuses unknown types.
"""

from __future__ import annotations

import msgspec

from assistant_app.errors import Code, DocentError
from assistant_app.protocol.messages import Event, Message, Request

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes. A longer line is refused: a peer that writes it is broken."""

_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(message: Message) -> bytes:
    """``message`` as one line.

    Lone surrogates (a file name that is not UTF-8) cannot be written as JSON; whoever makes a message leaves them
    out.
    """
    return _encoder.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """The request in ``line``.

    Raises:
        DocentError: ``engine_misspoke``, for anything that is no request.
    """
    try:
        return _requests.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DocentError(Code.ENGINE_MISSPOKE, said=str(error)[:200]) from error


def decode_event(line: bytes) -> Event:
    """The event in ``line``.

    Raises:
        DocentError: ``engine_misspoke``, for anything that is no event.
    """
    try:
        return _events.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DocentError(Code.ENGINE_MISSPOKE, said=str(error)[:200]) from error
