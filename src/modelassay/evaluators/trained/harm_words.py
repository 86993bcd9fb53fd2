"""Words that tell what a request or an answer is about and how it speaks, by category.

Written from general knowledge of safety policies and of how people instruct, warn and object; English. The
words name subjects and manners, none is an instruction. ``*`` stands for any ending.
"""

from __future__ import annotations

SUBJECTS: dict[str, str] = {
    "violence": (
        "violen* kill* murder* assault* stab* strangl* beat beating beaten tortur* kidnap* massacre* "
        "homicid* attack* hurt* injur* slaughter* assassin* fight* punch* shoot* shot wound* bleed* blood* "
        "dead death deaths die died dying corpse* victim* harm harming revenge brutal* cruel* abuse* "
        "abusing abusive force forced forcing destroy* burn* arson* threat* torment* execut* lynch* chok* "
        "drown* smother*"
    ),
    "weapons": (
        "weapon* gun guns firearm* rifle* pistol* ammunition ammo bullet* explosi* bomb* grenade* detonat* "
        "missile* nuclear radiolog* bioweapon* pathogen* anthrax toxin* poison* knife knives blade* "
        "silencer* gunpowder trigger*"
    ),
    "drugs": (
        "drug drugs cocaine heroin meth methamphetamine* fentanyl lsd mdma narcotic* opioid* opiate* "
        "cannabis marijuana weed steroid* crack ecstasy pills dealer* smoke smoking snort* inject* addict* "
        "overdos* stash dose doses dosage synthesi* alcohol vape* booze drunk underage"
    ),
    "theft": (
        "theft steal* stole stolen shoplift* burgl* rob robs robbed robber* robbery robbing lockpick* "
        "carjack* pickpocket* loot* thief thieves heist* break-in hotwire* getaway valuables vault* "
        "embezzl* pilfer*"
    ),
    "fraud": (
        "fraud* scam* phish* launder* counterfeit* forge* forgery ponzi swindl* impersonat* fake fakes "
        "faked faking deceiv* decept* brib* evasion evade evading insider offshore blackmail* extort* "
        "ransom* cheat* plagiari* tricking con conning dupe bogus falsif* tax taxes loophole* smuggl* "
        "traffick* contraband darknet illicit piracy pirated torrent*"
    ),
    "hacking": (
        "hack* malware ransomware keylogger* virus* exploit* ddos botnet* backdoor* trojan* spyware cyber* "
        "sql password* intrusion rootkit* payload* brute-force vulnerabilit* bypass* crack* credential* "
        "phisher worm* decrypt* sniff* firewall* unauthorized"
    ),
    "privacy": (
        "dox* surveil* spy spying stalk* wiretap* track tracking address addresses ssn confidential "
        "biometric* leak* location whereabouts eavesdrop* peep* snoop* private personal identity"
    ),
    "sexual": (
        "sex sexual* porn* erotic* nude* nudity naked explicit rape* raping rapist* fetish* prostitut* "
        "escort* orgasm* horny intercourse seduc* kinky aroused strip* lingerie intimate hooker* condom*"
    ),
    "self_harm": (
        "suicid* self-harm* self-injur* selfharm anorexi* bulimi* starv* cutting purge purging laxative* "
        "fasting"
    ),
    "hate": (
        "hate* hating hatred racis* racial* sexis* homophob* transphob* antisemit* islamophob* bigot* "
        "slur* supremac* stereotyp* xenophob* discriminat* demean* dehumani* inferior superior* subhuman "
        "vermin savage* degenerate* genocid* holocaust nazi* segregat* deport* terroris* extremis* jihad* "
        "radicali*"
    ),
    "groups": (
        "black blacks white whites asian asians jew jews jewish muslim muslims islam* christian* mexican* "
        "latino* hispanic* chinese indian* arab* african* immigrant* refugee* gay gays lesbian* trans "
        "transgender queer women woman female females girl* men man male males feminis* disabled "
        "disabilit* elderly poor homeless race races ethnic* religio* foreigner* fat obese american "
        "americans european* russian*"
    ),
    "insult": (
        "stupid idiot* dumb moron* ugly loser* pathetic worthless disgusting trash garbage scum filthy "
        "filth lazy bitch* bastard* asshole* dick fuck* shit* damn* crap hell freak* creep* jerk* annoying "
        "useless weak crazy insane lame suck sucks dirty smelly gross nasty coward* ass bullshit piss* "
        "clown* liar* greedy"
    ),
    "misinformation": (
        "hoax* conspirac* propaganda deepfake* fabricat* vaccin* election* rigged covid* microchip* "
        "mainstream media elite* cover-up agenda globalis* rumor* disinformation misinformation mislead*"
    ),
    "stealth": (
        "undetect* detect* caught anonym* untrace* trace* hide hiding hidden disguis* secret secretly "
        "sneak* discreet* covert* unnoticed suspicio* alibi evidence fingerprint* camera* surveillance vpn "
        "conceal* alone isolated distract* gloves mask masks alarm* security guard guards stealth* quietly "
        "unsuspecting"
    ),
    "manipulation": (
        "manipulat* coerc* pressure* guilt gaslight* intimidat* threaten* persuad* convinc* isolate groom* "
        "lure* luring bait* vulnerab* dependen* control controlling humiliat* embarrass* bully* harass* "
        "taunt* mock* ridicul* insult* provok* shame* prank* retaliat* sabotag* dominate obsess* jealous*"
    ),
}
"""What harm can be about."""

MANNERS: dict[str, str] = {
    "objection": (
        "illegal* unethical immoral unlawful wrong dangerous* harmful* offensive inappropriate "
        "unacceptable disrespectful crime crimes criminal* felony prison jail fined arrest* prosecut* "
        "penalt* punish* consequence* liab* violat* irresponsible condone* morally ethic* unfair unsafe "
        "risky discourag* forbidden prohibit* reprehensible hurtful"
    ),
    "care": (
        "respect* safe safety safely support* helping counsel* therap* professional* doctor* lawyer "
        "attorney police authorit* report reporting law laws legal legally lawful consent* empath* kind "
        "kindness compassion* understand* communicat* honest* honesty open openly listen* talk boundaries "
        "healthy equal* divers* inclusi* dignity responsib* hotline helpline crisis advice trusted "
        "emergency seek seeking resources volunteer* educat* community positive peaceful* calm* resolve "
        "forgive* patience tolerance rights wellbeing"
    ),
    "negation": (
        "not never no don't dont doesn't isn't cannot can't shouldn't won't without avoid* refrain against "
        "nor neither none"
    ),
    "advice": (
        "should must important recommend* advis* suggest* better instead consider best ensure encourag* "
        "careful* caution* warn* warning"
    ),
    "instruction": (
        "step steps first second third next then finally use using make sure get find take put place add "
        "mix start begin create choose look try keep set wait follow build buy purchase obtain gather "
        "learn practice prepare cut open remove pour heat attach connect install download run research "
        "identify target approach enter gain"
    ),
    "eagerness": "sure certainly course absolutely here's here below easy easily simple effective perfect",
    "means": "way ways method* technique* tips tool tools materials ingredients supplies instructions guide",
    "speaker": "i i'm me my mine i've i'd i'll myself",
    "address": "you your yours you're you'll you've yourself",
    "others": "they them their he she his her him people person someone anyone everybody everyone",
    "hedge": (
        "may might could possibly perhaps sometimes often depends depending generally typically usually "
        "various many some several"
    ),
    "warmth": (
        "love happy fun joy enjoy great good nice wonderful beautiful friend friends family hope sorry glad"
    ),
    "money": (
        "money dollar* cash price* sell selling sold market profit* pay paid bank* credit account* loan*"
    ),
    "report": (
        "is was were has had history country world government war year president state university science "
        "study studies research according known term refers"
    ),
    "fiction": "story character* novel scene poem song lyrics once movie game fiction* chapter protagonist",
}
"""How a text speaks."""
