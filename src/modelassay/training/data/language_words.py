"""Words by which languages in Latin letters are told, English and others."""

from __future__ import annotations

from typing import Final

_ENGLISH: Final = """the of and to a in is that it for you with on as are be this not have or i my your we
    they will can at an by from was but do if so what how no"""
_OTHERS: Final = """der das und ist nicht ein eine einen ich zu den mit auf für von dem sie wir sind auch
    wie ihr werde kann dir dich mir mich dabei kein keine
    le les des est et une je pas pour que qui dans vous nous sur avec du ne suis peux cela
    el los las por para con del como está esta pero muy su una soy lo puedo eso ese esto algo te
    nunca não uma em mas você são meu eu posso isso
    il che di sono della gli è più anche nel alla dei degli delle un da cosa fare posso questo perché come
    het een van niet ik zijn dat voor dit maar kan
    nie jest się że dla czy ale jak to
    bir ve bu için ile değil çok và là của không một các có
    yang dan untuk dengan ini tidak adalah saya dari pada akan
    kwa ya wa na ni katika kama jinsi gani yangu hii au watu
    lan kanggo iki apa aku karo saka kang sing ora kuwi kula
    och att det inte är som jag og ikke er jeg på és nem hogy egy az ja ei että olen není jsem který este
    se si je na že jako není nebo pro tak jsi jsou mohu nemohu
    sam ne mogu što kako za od su nije
    csak vagy van meg ezt ezek lehet kell ha nekem segíteni
    și nu este pentru cu sunt care mai din
    els amb perquè puc això
    hai hain ka ki ke ko mein aur nahi nahin kya kaise aap tum main mujhe mera mere yeh ye ho kar karna se
    bhi raha rahi koi kuch liye wala hum uske unhe sab jaise
    ami tumi apni amar tomar apnar ki kore korte kora na ar eta ei jonno theke hobe kivabe kichu ache nei
    ana enta enti mesh mish msh fi ala el da di dah bas keda aw ya lazem momken 3ala ma3a
    ang ng mga sa hindi ako ikaw ka ito ay para po kung ko mo mong ang naman siya nang
    toi khong ban la cua cac nguoi duoc
    ba ce kuma wannan don zan ti won ati"""
_FREQUENT: Final = """about above after again all almost also always am american and another any anyone
    anything are around as ask asked at away back bad based be because become been before being below best
    better between big both but by call called came can cannot car care case cause change child children
    choose city come comes common company could country create data day days dear describe did different do
    does doing don't done down during each early easy end enough even ever every everyone example explain
    fact family far feel few find first following food for form found free friend friends from full game
    gave get gets give given go goes going gone good got great group had half hand happy hard has have he
    head hello help her here high him his hold home hope hours house how however human i idea if important
    in include information into is issue it its job just keep kind know known large last later law learn
    leave left less let life like line list little live local long look looks lot love made main make makes
    man many may maybe me mean means men might mind money more most move much must my name near need needs
    never new next no not nothing now number of off often old on once one only open or order other others
    our out over own page part people person place plan play please point possible power problem process
    provide public put question quite read real really reason right said same saw say says school second
    see seems seen sentence set several shall she should show shows side since small so some someone
    something sometimes soon sorry sound start state step steps still stop story such sure system take
    taken takes tell than thank thanks that the their them then there these they thing things think third
    this those though three through time times to today together told too took top toward town try turn two
    type under until up upon us use used user uses using value very view want wants was water way ways we
    week well went were what when where whether which while who whole whom whose why will wish with within
    without woman women word words work works world would write wrong year years yes yet you young your
    yours yourself is are that's it's i'm you're answer following text simple code given below each per
    number numbers input output return true false none correct option"""

_SHARED: Final = "a an am do he i in is la me no on so to"

SHARED: Final = frozenset(_SHARED.split())
"""Frequent words of English that are words of other languages too, and tell none."""
ENGLISH: Final = frozenset(_ENGLISH.split())
"""Words that nearly every English text has."""
FREQUENT_ENGLISH: Final = frozenset(_FREQUENT.split()) | ENGLISH
"""Words of which most English texts are made for a good part."""
OTHERS: Final = frozenset(_OTHERS.split()) - ENGLISH
"""Words that nearly every longer text of a language has, and that English has not."""
