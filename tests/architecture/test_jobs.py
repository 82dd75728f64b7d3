"""Work after the commit: every enqueue names a task that takes what it is given, and nothing
else reaches for the queue."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings

from tests.architecture.tree import is_of, list_files, name, parse
from vop.lib import jobs

OF_ENQUEUE_ITSELF = {"run_at", "key"}
QUEUE_CALLS = {"delay", "apply_async", "send_task", "s", "si"}


def list_enqueues(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(parse(file)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        called = (
            function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        )
        if called == "enqueue":
            yield node


def find_fault(call: ast.Call) -> str | None:
    if len(call.args) != 1 or not isinstance(call.args[0], ast.Constant):
        return "the task's name must be one literal"
    task_name = str(call.args[0].value)
    try:
        task = jobs.find_task(task_name)
    except jobs.UnknownTaskError:
        return f"no task is called {task_name}"
    if any(keyword.arg is None for keyword in call.keywords):
        return "the arguments must be written out"
    given = {str(k.arg): None for k in call.keywords if k.arg not in OF_ENQUEUE_ITSELF}
    try:
        inspect.signature(task.run).bind(**given)
    except TypeError as error:
        return f"{task_name}: {error}"
    return None


def test_every_enqueue_fits_its_task() -> None:
    faults = [
        f"{name(file)}:{call.lineno} {fault}"
        for file in list_files()
        if name(file) != "vop/lib/jobs.py"
        for call in list_enqueues(file)
        if (fault := find_fault(call))
    ]

    assert faults == []


def test_only_jobs_reaches_for_the_queue() -> None:
    faults = [
        f"{name(file)}:{node.lineno} {node.func.attr}"
        for file in list_files()
        if name(file) != "vop/lib/jobs.py"
        for node in ast.walk(parse(file))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in QUEUE_CALLS
    ]

    assert faults == []


def test_tasks_are_named_after_their_room_and_take_keywords_only() -> None:
    jobs._load_tasks()
    faults = []
    for task_name, task in current_app.tasks.items():
        if task_name.startswith("celery."):
            continue
        module = inspect.unwrap(task.run).__module__
        parameters = inspect.signature(task.run).parameters.values()
        if task_name.split(".")[0] != module.split(".")[0]:
            faults.append(f"{task_name} stands in {module}")
        if any(p.kind is not inspect.Parameter.KEYWORD_ONLY for p in parameters):
            faults.append(f"{task_name} takes positional arguments")

    assert faults == []


def test_beat_starts_only_tasks_that_exist() -> None:
    schedule: dict[str, dict[str, Any]] = settings.CELERY_BEAT_SCHEDULE

    for entry in schedule.values():
        inspect.signature(jobs.find_task(entry["task"]).run).bind(**entry.get("kwargs", {}))


def test_tasks_stand_in_tasks() -> None:
    faults = [
        f"{name(file)}:{node.lineno}"
        for file in list_files()
        if not is_of(file, "tasks")
        for node in ast.walk(parse(file))
        if isinstance(node, ast.Name) and node.id == "shared_task"
    ]

    assert faults == []
