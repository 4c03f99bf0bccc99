"""`sensr_check` and its findings."""

import json

from support.processes import Process, assignments, executable

#: Exit codes without findings of a fault, with warnings, and with failures.
PASSED, WARNED, FAILED = 0, 1, 2


class Check(Process):
    """A run of `sensr_check --json`."""

    def __init__(self, environment, *args, ros_args=(), wrapper=(), variables=None, **parameters):
        """Starts it. `wrapper` starts the command, `variables` are those of its environment.

        Other keywords are parameters of the bridge, with `_` for each `.` where there is no such parameter.
        """
        given = {"host": "127.0.0.1"} | parameters.pop("parameters", {}) | parameters
        argv = [*wrapper, executable("sensr_check"), "--json", *map(str, args)]
        argv += ["--ros-args", *ros_args, *assignments(given)]
        env = environment.env | (variables or {})
        super().__init__(environment._next_name("check"), argv, env, environment.folder)
        environment._add_process(self)

    def findings(self):
        """Waits for the end and returns all findings. The exit code must be that of the worst."""
        self.wait(90.0)
        document = json.loads(self.stdout)
        verdicts = [one["verdict"] for one in document["findings"]]
        worst = max(verdicts, key=["PASS", "WARN", "FAIL"].index)
        assert document["verdict"] == worst
        assert self.exit_code == {"PASS": PASSED, "WARN": WARNED, "FAIL": FAILED}[worst], self.log_tail()
        for name, verdict in (("passed", "PASS"), ("warnings", "WARN"), ("failures", "FAIL")):
            assert document[name] == verdicts.count(verdict)
        for one in document["findings"]:
            assert one["verdict"] == "PASS" or one["cure"], f"a fault without a cure: {one}"
            assert "\n" not in one["message"] + one.get("cure", "")
        return document["findings"]

    def of_machine(self):
        """Waits for the end and returns the findings about the machine by subject."""
        return {one["subject"]: one for one in self.findings() if "site" not in one}

    def of_sites(self):
        """Waits for the end and returns the findings about sites by subject, those about the machine left out.

        Of several with the same subject the worst counts.
        """
        found = {}
        for one in sorted(self.findings(), key=lambda one: ["PASS", "WARN", "FAIL"].index(one["verdict"])):
            if "site" in one:
                found[one["subject"]] = one
        return found


def verdicts(found):
    """Returns the verdicts by subject."""
    return {subject: one["verdict"] for subject, one in found.items()}


def faults(found):
    """Returns the verdicts by subject that are no PASS."""
    return {subject: verdict for subject, verdict in verdicts(found).items() if verdict != "PASS"}
