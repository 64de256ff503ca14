"""datatrove's local executor without its log on the screen; each task's log file stays."""

from __future__ import annotations

from typing import Any

from datatrove.executor.local import LocalPipelineExecutor
from loguru import logger


class QuietLocalExecutor(LocalPipelineExecutor):  # type: ignore[misc]  # datatrove is not typed
    """Runs tasks on this machine; what they log goes to files, and errors to whoever called."""

    def run(self) -> Any:
        """Run all tasks that are not finished."""
        logger.disable("datatrove")
        try:
            return super().run()
        finally:
            logger.enable("datatrove")

    def _run_for_rank(self, rank: int, local_rank: int = 0, node_rank: int = -1) -> Any:
        logger.disable("datatrove")
        return super()._run_for_rank(rank, local_rank, node_rank)
