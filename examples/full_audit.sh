#!/usr/bin/env bash
# The whole product, top to bottom, on models made here: from two models to a verdict in a pipeline.
# Needs the extra `local`; takes about two minutes on a CPU.
set -euo pipefail
work=${1:-$(mktemp -d)}
mkdir -p "$work"
cd "$work"

# Two models to compare: here an organism and a fine-tune of it that lost one category.
python - <<'PY'
from modelassay.organisms import build_all, write_suite
build_all("models", ["category_loss_adapter"], progress=print)
write_suite("prompts.jsonl")
PY

# A plan to start from, pointed at them.
modelassay init . --baseline hf:models/base --candidate hf:models/base+models/category_loss_adapter

# What it would ask, and the smallest drop that it could show. Nothing is spent.
settings=(--set datasets='[prompts.jsonl]' --set decoding='{temperature: 1, max_tokens: 40}')
modelassay plan plan.yaml "${settings[@]}"

# The audit. Its exit code is the verdict: 11 is blocked.
code=0
modelassay audit plan.yaml "${settings[@]}" -o report.html -o pull-request.md -o junit.xml || code=$?
echo "exit code $code"

# Look again, and check the sealed folder with coreutils alone.
modelassay list
(cd assay/audits/*/ && sha256sum --check --quiet SHA256SUMS && echo "sealed folder is intact")
echo "report: $work/report.html"

# The same decision drawn until it is settled: asked anew, it would have taken fewer prompts.
modelassay audit plan.yaml "${settings[@]}" --set gate.mode=sequential || [ $? = 11 ]
[ "$code" = 11 ]
