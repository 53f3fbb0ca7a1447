"""The commands of the shelves: models and adapters, their downloads, trainings and reports."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from assistant_app.cli import batch, output
from assistant_app.cli.command import DONE, open_service
from assistant_app.errors import Code, DocentError

if TYPE_CHECKING:
    from assistant_app.engine.service import Service


def models(options: argparse.Namespace) -> int:
    """``docent models``."""
    with open_service(options) as service:
        if options.verb == "use":
            if os.path.isfile(options.name):
                service.shelf.add(options.name)  # so that it stays in the list when another one is chosen
            found = service.use_model(options.name)
        elif options.verb == "info":
            found = [service.inspect_model(options.name or service.models.chosen_path())]
        elif options.verb == "add":
            found = [service.shelf.add(options.name)]
        elif options.verb == "remove" and options.undo:
            found = [service.inspect_model(service.shelf.put_back(options.name))]
        elif options.verb == "remove":
            output.removed_model(service.shelf.remove(options.name, forever=options.forever))
            found = service.list_models()
        elif options.verb == "download":
            return _download(service, options)
        else:
            found = [*service.list_models(), *service.shelf.found()]
    output.json_line({"models": found}) if options.json else output.models(found)
    return DONE


def _download(service: Service, options: argparse.Namespace) -> int:
    shelf = service.shelf
    if options.name is None or options.discard:
        if options.discard:
            shelf.discard(*_on_hub(service, options))
        offers, begun = shelf.offers(), shelf.downloads()
        output.json_line({"offers": offers, "downloads": begun}) if options.json else output.offers(offers, begun)
        return DONE
    progress = output.Progress()
    try:
        model = shelf.download(*_on_hub(service, options), options.hub, progress)
    finally:
        progress.end()
    output.json_line({"models": [model]}) if options.json else output.models([model])
    return DONE


def _on_hub(service: Service, options: argparse.Namespace) -> tuple[str, str]:
    """Repository and file of the model to download: as given, or of the one offered under that name."""
    return (options.name, options.file) if options.file else service.shelf.find_offer(options.name)


def adapters(options: argparse.Namespace) -> int:
    """``docent adapters``."""
    if options.verb == "train":
        return _train(options)
    if options.verb == "check":
        return _check_adapter(options)
    progress = output.Progress()
    with open_service(options) as service:
        shelf = service.adapters
        if options.verb == "use":
            found = service.use_adapter(options.name, scale=options.scale, anyway=options.anyway)
        elif options.verb == "also":
            scale = 1.0 if options.scale is None else options.scale
            found = shelf.lay_also(options.name, scale, anyway=options.anyway)
        elif options.verb == "add":
            found = [service.inspect_adapter(shelf.add(options.name))]
        elif options.verb == "remove" and options.undo:
            found = [service.inspect_adapter(shelf.put_back(options.name))]
        elif options.verb == "remove":
            shelf.remove(options.name)
            found = service.list_adapters()
        elif options.verb == "info" and options.name:
            found = [service.inspect_adapter(options.name)]
            if found[0].fits:
                found = [shelf.try_out(options.name, progress)]
        else:
            found = service.list_adapters()
            if options.verb == "info":
                found = [adapter for adapter in found if adapter.in_use]
    progress.end()
    output.json_line({"adapters": found}) if options.json else output.adapters(found, options.verb == "info")
    return DONE


def _check_adapter(options: argparse.Namespace) -> int:
    from assistant_app.protocol.report import CheckAdapter

    progress = output.Progress()
    with open_service(options) as service:
        adapter = options.name or service.models.chosen_adapter()
        if adapter is None:
            raise DocentError(Code.ADAPTER_MISSING, path="none")
        questions = list(batch.questions(options.batch)) if options.batch else []
        request = CheckAdapter(
            adapter=adapter, assistant=options.assistant, count=options.questions, questions=questions
        )
        made = service.reporting.check(request, progress, lambda: False)
    progress.end()
    if options.save:
        output.save_report(options.save, made)
    output.json_line({"adapters": [made]}) if options.json else output.format_report(made)
    return DONE


def _train(options: argparse.Namespace) -> int:
    from assistant_app.engine.training_verbs import Data
    from assistant_app.training.dataset import read_examples
    from assistant_app.training.lora import Settings

    progress = output.Progress()
    with open_service(options) as service:
        path, card = service.training.train(
            options.called or options.name or Path(options.data).stem,
            read_examples(options.data),
            settings=Settings(epochs=options.epochs, held_out=options.held_out),
            base=service.find_model(options.base) if options.base else None,
            weights=options.weights,
            start_from=service.find_adapter(options.start_from) if options.start_from else "",
            data=Data(options.about, options.data_source, options.data_licence, options.licence),
            report=progress,
        )
        progress.end()
        made = service.inspect_adapter(path)
    output.json_line({"adapters": [made]}) if options.json else output.trained(path, card)
    return DONE
