"""presidio and datafog on the lines of a drawn log; run by `bench_text.py` in the peers' environment.

    python bench_text_peer.py FILE

The file is JSON: pieces of text, by peer. Each peer looks for what it shares with us: mail addresses and telephone
numbers. presidio runs with its recognisers by pattern and checksum and an English tokenizer without a model: with a
model it would find names of persons too, and be slower. Prints JSON: by peer its version, the seconds of processor
time, and what it found as start and end in characters.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

Spans = list[tuple[int, int]]
REGIONS = ("US", "DE", "JP", "CN")


def by_presidio() -> Callable[[str], Spans]:
    """Look with presidio-analyzer; the list of domains that it carries, and none from the network."""
    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import EmailRecognizer, PhoneRecognizer

    class Tokenizer(SpacyNlpEngine):
        def __init__(self) -> None:
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

        def load(self) -> None:
            pass

    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    registry = RecognizerRegistry(recognizers=[EmailRecognizer(), PhoneRecognizer(supported_regions=REGIONS)])
    engine = AnalyzerEngine(registry=registry, nlp_engine=Tokenizer(), supported_languages=["en"])
    return lambda text: [(one.start, one.end) for one in engine.analyze(text, language="en")]


def by_datafog() -> Callable[[str], Spans]:
    """Look with datafog's regular expressions."""
    import datafog

    kinds = ["EMAIL", "PHONE"]
    return lambda text: [
        (one.start, one.end) for one in datafog.scan(text, engine="regex", entity_types=kinds).entities
    ]


PEERS = {"presidio-analyzer": by_presidio, "datafog": by_datafog}


def main() -> None:
    """Look through the pieces with each."""
    said = {}
    for name, pieces in json.loads(Path(sys.argv[1]).read_text("utf-8")).items():
        look = PEERS[name]()
        look("warm 1")
        found: Spans = []
        at, begun = 0, time.process_time()
        for piece in pieces:
            found += [(at + start, at + end) for start, end in look(piece)]
            at += len(piece)
        said[name] = {
            "version": version(name),
            "seconds": time.process_time() - begun,
            "found": found,
        }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
