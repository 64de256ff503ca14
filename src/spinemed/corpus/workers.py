"""Tasks spread over processes, results in the order of the tasks, few in flight."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from spinemed.corpus.task import StudyRows, one_thread, rows_of
from spinemed.errors import SourceError
from spinemed.instances import Asking
from spinemed.records import Study

_IN_FLIGHT = 4
"""Tasks handed out ahead for each worker: bounds memory whatever the number of studies."""


def rows_in_order(studies: Iterable[Study], asking: Asking, workers: int) -> Iterator[StudyRows]:
    """Yield what each study gives, in the order of the studies, whatever the number of workers.

    One worker stays in this process. More are spawned, not forked, since the caller may hold threads.
    """
    task = partial(rows_of, asking=asking)
    if workers <= 1:
        yield from map(task, studies)
        return
    context = multiprocessing.get_context("spawn")
    waiting: deque[Future[StudyRows]] = deque()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=one_thread) as pool:
        try:
            for study in studies:
                waiting.append(pool.submit(task, study))
                if len(waiting) >= _IN_FLIGHT * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise SourceError(
                "a worker process ended without an answer, likely for want of memory; build with --workers 1"
            ) from error
        finally:
            for future in waiting:
                future.cancel()
