"""A bound on the bytes of one response, so that a broken server cannot fill the memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2  # comes with openai; imported by the client alone, when it connects


def bounded(longest: int) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Return a hook for responses that breaks off those of more than `longest` bytes."""

    async def bound(response: httpx2.Response) -> None:
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = Bounded(response.stream, longest)

    return bound


class Bounded(httpx2.AsyncByteStream):
    """A stream that raises ValueError after `longest` bytes."""

    def __init__(self, stream: httpx2.AsyncByteStream, longest: int) -> None:
        self.stream, self.left, self.longest = stream, longest, longest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self.stream:
            self.left -= len(part)
            if self.left < 0:
                raise ValueError(f"a response of more than {self.longest} bytes was broken off")
            yield part

    async def aclose(self) -> None:
        await self.stream.aclose()
