"""Language-model judges: rubrics, the fence around hostile answers, verdicts, votes, and attacks to test them by.

`LanguageModelJudge` (`modelassay.evaluators.judge`) conducts; the parts here are pure.
"""
