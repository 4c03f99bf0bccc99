"""Distribution of the tests over the processes of pytest-xdist."""

import functools

from xdist.scheduler import LoadScopeScheduling

#: Nodes that do next to nothing: measured beside one other test that measures the machine.
IDLE = "test_idle_cost.py"


class Distribution(LoadScopeScheduling):
    """Gives tests to processes one by one, but keeps tests together, in order, that have to be.

    Together are tests of a file that share a fixture, and all that measure the machine (`-m serial`). The marker
    `xdist_group` would say so too, but not all pairs of versions of pytest and pytest-xdist respect it.
    """

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        if self.config.option.markexpr == "serial":
            return "idle" if file.endswith(IDLE) else "serial"
        return file if self._shares_fixture(file) else nodeid

    @functools.cache  # noqa: B019 - one instance lives as long as the process.
    def _shares_fixture(self, file):
        return 'scope="module"' in (self.config.rootpath / file).read_text()
