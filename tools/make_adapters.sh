#!/bin/sh
# Trains the adapters that ship, from XQuAD (DOCENT_TEST_DATA) and the project's own documents, and puts them with their
# cards into models/adapters. Interrupted, it goes on where it was. PYTHON is the interpreter that has Docent.
set -eu
cd "$(dirname "$0")/.."
work=build/adapters
shelf=models/adapters
mkdir -p "$work"

docent() { "$PYTHON" -m assistant_app --home "$work" "$@"; }

train() { # NAME, FILE, ABOUT, further arguments
  name=$1 file=$2 about=$3
  shift 3
  rm -f "$work/adapters/$file.gguf" "$work/adapters/$file.json"
  docent adapters train --data "$work/$file.jsonl" --base starter --name "$name" --epochs 1 --held-out 0.04 \
    --about "$about" --licence CC-BY-SA-4.0 \
    --data-source "XQuAD (English) without its held-out articles, and questions on Docent's own documents" \
    --data-licence "XQuAD CC BY-SA 4.0, Docent's documents Apache-2.0" "$@"
  cp "$work/adapters/$file.gguf" "$work/adapters/$file.json" "$shelf/"
}

"$PYTHON" tools/adapter_examples.py "$work/grounded-answers.jsonl" --rounds 4
train "Grounded answers" grounded-answers "Short answers from the sources only, with the source's number"

"$PYTHON" tools/adapter_examples.py "$work/json-record.jsonl" --record
train "JSON record" json-record "One JSON object: answer, quote, page, found" --start-from "$shelf/grounded-answers.gguf"
