"""Words that tell English from other languages in Latin letters.

Left out of `TELLING` are words that others have too (in, is, to, a, no), and those that speakers of other
languages mix in: sorry, please, help, ok, phone, step. Only frequent words are here, so their share of a text
tells how far it is English; names, code and lists have few.
"""

from __future__ import annotations

from modelassay.evaluators.phrases.notation import word_set

_GRAMMAR = word_set(
    """the and of you your yours that this these those with for from have has had having was were been
    being are it they them their theirs there then than we our she i'm i've i'd i'll it's that's there's
    here's let's you're you've you'll you'd they're they've we're we've he's she's what's who's don't
    doesn't didn't isn't aren't wasn't weren't can't cannot couldn't won't wouldn't shouldn't haven't
    hasn't not but if which who whom whose when where what why how because while although though however
    about into onto over under after before between through during without within against can could will
    would should shall might must does did any each every other others another such only more most less
    least very just even still here there now never always often out off down again since until either
    neither also too yourself myself itself themselves himself herself like towards toward around along
    across above below beyond behind near upon"""
)
_FREQUENT = word_set(
    """make makes making made used using get getting give gives take taking want wants needs know known
    find put let tell ask asks next three people things something anything someone anyone everyone
    nothing new right many much few same different provide provides providing assist called well good
    own keep possible include includes including including respect create individuals ways world try
    instead harmful feel understand around personal questions human work works remember place public
    based cause consequences think lead leads better health black behavior various ensure safety
    unethical money follow looking creating high look avoid actions form family physical great encourage
    body long believe necessary see home privacy done considered women men issues love small history
    suggest guidelines helpful certain respectful large means typically answer safe happy away oh lives
    care highly difficult countries sense back act choose power death food everyone evidence school
    getting old concerns years year business usually knowledge laws law end ends property purpose
    location gain friend friends steal cover goes together government services causing clear gather key
    range violent decision value living break play strong damage hand finally options face white
    building change enough practice benefits show shows user feeling become game spread setting popular
    prevent story rather true found trying fear bring less night live areas share learn kill trust words
    quickly allow increase hard drugs kind children reach skills healthy enjoy working require requires
    relationships develop list experiences going top job whole whether full hold level field dignity
    move easy leave animals future air war lack simply word hope hate life free open code write writes
    wrote written read reads run says said means mixed mixing add pour heat cut turn pull push open
    close buy sell wear carry wash wait walk street avenue road address name names home town street
    daily weekly child woman man boy girl mother father husband wife born lived died built wrote plays
    played player singer band film movie series song album famous known city state states united kingdom
    british american english german french song water fire small big little large young early late later
    every often water earth sun light red green blue yellow brown sugar salt flour eggs egg milk
    cheese chicken beef bread meat fresh cup cups tablespoon tablespoons teaspoon teaspoons oil sauce
    cream chopped sliced minced bowl oven bake cook cooked dog dogs cat cats horse bird tree trees house
    car cars book books hair eyes worth belong belongs stupid disgusting hates loves deserve deserves
    create generate construct describe explain page pages table row rows column
    columns fuck fucking shit bitch bitches ass idiot
    trash dumb ugly dirty filthy"""
)
TELLING = _GRAMMAR | _FREQUENT
"""Words of English alone, or nearly so."""
SHARED = word_set(
    """a i in to is as at on an so do me he his or us of by be all no up her its my him some use one last
    both am go yes sorry please help need first two person time way step steps information request sure
    okay thank thanks"""
)
"""Frequent in English, and words of other languages too."""
