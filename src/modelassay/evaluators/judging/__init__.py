"""Language-model judges: rubrics, the fence around hostile answers, verdicts, votes, attacks to test with.

`LanguageModelJudge` (`modelassay.evaluators.judge`) conducts; the parts here are pure.
"""
