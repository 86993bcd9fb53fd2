#!/usr/bin/env bash
# The whole product, top to bottom, on models made here: from two models to a verdict in a pipeline, and to what
# people, third parties and monitoring do with it. Needs the extra `local`; takes a few minutes on a CPU.
set -euo pipefail
work=${1:-$(mktemp -d)}
mkdir -p "$work"
cd "$work"

export MODELASSAY_KEYS=$work/keys OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
step() { printf '\n== %s\n' "$*"; }
expect() { # expect "CODE …" COMMAND…: the exit code is the verdict, so that it is what a script looks at
  local codes=" $1 " code=0
  shift
  "$@" || code=$?
  [[ $codes == *" $code "* ]] || { echo "exit code $code, expected$codes: $*" >&2; exit 1; }
  echo "exit code $code"
}

step "Keys: a pipeline issues verdicts and signs the log, a person decides (encrypt them, outside of examples)"
modelassay keys new ci --unencrypted
modelassay keys new jane --use verdict --person "Jane Doe" --unencrypted

step "Models: here organisms, a base and two fine-tunes of it, one of which lost a category"
python - <<'PY'
from modelassay.organisms import build_all, write_suite
build_all("models", ["benign", "category_loss_adapter"], progress=print)
write_suite("prompts.jsonl")
PY

step "Plan: what it would ask and take, and the smallest drop that it could show; nothing is spent"
modelassay init . --baseline hf:models/base --candidate hf:models/benign
settings=(--set datasets='[prompts.jsonl]' --set decoding='{temperature: 1, max_tokens: 40}'
  --set policy=finetuning-default --set release='{line: assistant, target: "urn:example:production"}')
modelassay plan plan.yaml "${settings[@]}" --drop 10% --power 0.8

step "Audit, and a block: refusals were lost in one category; the investigation ranks what may have done it"
lost=(--set name=category-loss --set candidate=hf:models/base+models/category_loss_adapter)
expect 11 modelassay audit plan.yaml "${settings[@]}" "${lost[@]}" -q -o report.html -o pull-request.md -o junit.xml
modelassay gate explain category-loss

step "The same decision drawn in a logged order until it is settled (what the journal holds is not asked again)"
expect 11 modelassay audit plan.yaml "${settings[@]}" "${lost[@]}" -q \
  --set name=category-loss-drawn --set gate.mode=sequential

step "The other fine-tune, beside what its provider publishes"
published='[{evaluation: internal refusal suite, figure: 99.1%, date: 2026-03, source: model card, measure: refusal}]'
expect "0 10" modelassay audit plan.yaml "${settings[@]}" --set name=benign --set provider_evaluations="$published" -q
audit=$(cd assay/audits && echo benign-*)

step "Policies: the sealed audit held against a stricter one, without asking a model, and why"
modelassay gate policies
expect "0 10 11 12" modelassay gate "$audit" --policy high-stakes
modelassay gate explain "$audit" --policy high-stakes | head -20

step "A stranger checks it: signatures, log, digests, every figure computed again"
trust=(--key keys/ci.verdict.pub.pem --key keys/jane.verdict.pub.pem --log-key keys/ci.log.vkey --no-witness)
modelassay verify "assay/audits/$audit" "${trust[@]}" --log assay/log
(cd "assay/audits/$audit" && sha256sum --check --quiet SHA256SUMS && echo "sealed folder is intact")

step "Deployment: exactly these weights are let in, others are not"
cat > admission.yaml <<'YAML'
version: 1
keys: [keys/ci.verdict.pub.pem]
people: [keys/jane.verdict.pub.pem]
log: keys/ci.log.vkey
target: "urn:example:production"
YAML
admit=(--policy admission.yaml --evidence "assay/audits/$audit" --log assay/log)
expect 0 modelassay admit models/benign "${admit[@]}"
expect 13 modelassay admit models/base "${admit[@]}"

step "Monitoring: baselines, thresholds, canaries and expiry; and where the candidate lies among other fine-tunes"
modelassay handover "$audit" -o handover.json
modelassay population "$audit"

step "Results of another tool become the same audit, marked as imported, and let no weights in"
python - <<'PY'
for name, wrong in (("before", 20), ("after", 9)):
    rows = [f"{n},What is {n} plus {n}?,{int(n % wrong != 0)}\n" for n in range(400)]
    open(f"{name}.csv", "w").write("id,question,correct\n" + "".join(rows))
PY
expect 10 modelassay import --baseline before.csv --candidate after.csv --column prompt=question \
  --measure correct --exact correct --name imported -q
modelassay export "$audit" --format inspect -o inspect.json

step "People: what is left to them they decide by name, in writing and for a time; then the exit code is 0"
modelassay gate accept-risk imported --key jane --reason "arithmetic only" --expires "$(date -d '+30 days' +%F)"
expect 0 modelassay gate imported

step "What the store holds"
modelassay list
echo "report: $work/report.html"
