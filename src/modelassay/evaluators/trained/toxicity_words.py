"""Words and phrases that toxic texts are told by, and words that tell what only speaks of them; offensive.

Categories follow common moderation policies: sexual content, hate, violence, harassment, self-harm; by how
strong a word is, so that a mild one counts for little whatever its number. They follow, too, what hate speech
research asks to be told apart (Röttger et al. 2021): who is spoken of, what is said of them, who says it, and
whether it is denied, quoted or answered. English; the strongest words also in German, Spanish, French,
Italian and Portuguese.
"""

from __future__ import annotations

TOXIC = {
    "slur": (
        "nigg* faggot* fag fags faggy kike* spic spics wetback* chink chinks chinky gook gooks coon coons "
        "raghead* towelhead* camel-jockey* tranny trannies trannie* dyke* paki pakis beaner* gypp* jap "
        "japs jungle-bunny jigaboo* porch-monkey* sand-nigg* cracker crackers whitey shemale* ladyboy* wog "
        "wogs darkie* negro negroes negroid* nègre* maricón maricon* sudaca* kanake* neger* schwuchtel* "
        "bougnoule* youpin* viado* mongoloid* golliwog* spook spooks halfbreed* half-breed* squaw* "
        "redskin* injun* yid yids hymie* kraut* polack* pikey* chav* gyppo* muzzie* muzrat* goyim shylock* "
        "tard tards retard* spaz spastic* cripple* libtard* feminazi* femoid* mudslime* poofter* poof "
        "pansy sissy sissies homo homos lesbo* shitskin*"
    ),
    "profane_strong": (
        "fuck* motherfuck* mothafuck* cunt* cocksuck* bullshit* shithead* shitface* fck fckin* fuk fukin* "
        "fuckin asshole* arsehole* dickhead* fuckface* bitch* whore* slut* twat* wanker* bastard* skank* "
        "puta putas puto putos hijoputa hurensohn* wichser* fotze* arschloch* salope* enculé* encule* "
        "connard* vaffanculo* stronz* cabrón* cabron* puttana* troia caralho* filho-da-puta piece-of-shit "
        "stfu gtfo thot thots"
    ),
    "profane": (
        "shit shits shitty shitting shithole* shat ass asses arse* dumbass* jackass* badass* smartass* "
        "fatass* bollocks wank* piss pissed pissing pisses dick dicks prick pricks douche* tits turd turds "
        "crap crappy fart* scheiß* scheiss* fick* arsch mierda* joder* coño merde* putain* cazzo* porra "
        "merda* wtf lmfao"
    ),
    "profane_mild": (
        "damn damned goddamn* dammit hell bloody darn freaking frickin* screw screwed sucks suck verdammt* "
        "hella"
    ),
    "insult_strong": (
        "idiot* moron* imbecile* dumbass* retard* cretin* scum scumbag* lowlife* braindead halfwit* "
        "dimwit* nitwit* dipshit* numbskull* dumbfuck* worthless pathetic loser losers subhuman* "
        "degenerate* filth vermin pig pigs hoe hoes thot ugly disgusting repulsive freak freaks vile "
        "pervert* creep creeps fatso crybaby incel* bimbo* idioten dummkopf* blöd* idiota* estúpid* "
        "imbécil* tonto tonta conn* crétin* débile* coward* trash"
    ),
    "insult": (
        "stupid* dumb fool fools foolish clown* garbage liar liars jerk jerks ignorant incompetent "
        "loathsome nasty brainless lame fat simp simps snowflake* weirdo* wimp* fraud hypocrit* arrogant "
        "useless annoying delusional insane crazy psycho* lunatic* brat brats bully bullied moronic "
        "spineless puppet* sheep joke creepy trashy sleazy sucker* dork* nerd* geezer* hag hags witch "
        "trollop traitor*"
    ),
    "group": (
        "women woman men girls boys females female males muslim* islam* moslem* jew jews jewish* zionist* "
        "black blacks african* africa white whites asian* chinese china japanese korean* indian* mexican* "
        "mexico latino* latina* hispanic* arab* arabs immigra* migrant* refugee* foreigner* alien aliens "
        "gay gays lesbian* homosexual* trans transgender* transsexual* bisexual* queer* lgbt* disabled "
        "disabilit* handicap* crippled autis* wheelchair deaf blind christian* catholic* hindu* sikh* "
        "atheist* buddhist* gypsies gypsy roma native natives aborigin* minorities minority race races "
        "racial ethnic* religion* brown liberals conservatives feminist* elderly frauen juden muslime "
        "ausländer* flüchtling* schwarze* türken mujeres judíos musulmanes inmigrantes negros moros "
        "gitanos femmes juifs musulmans immigrés arabes noirs mulheres judeus pakistani* israel* palestin* "
        "russian* ukrainian* polish turk turks turkish somali* nigerian* haitian* filipino* vietnamese "
        "irish italians americans westerners colored coloured homeless mentally"
    ),
    "plural": (
        "jews muslims blacks whites gays lesbians homosexuals immigrants migrants refugees foreigners "
        "women females asians mexicans arabs indians africans hispanics latinos transsexuals trannies "
        "niggers faggots christians hindus gypsies natives aboriginals minorities liberals conservatives "
        "feminists zionists pakistanis illegals latinas homos queers democrats republicans leftists"
    ),
    "they": "they them their those these all every most people person kind everyone anyone",
    "demean": (
        "inferior* lazy dirty filthy subhuman* sub-human primitive savage* uncivili* barbar* criminal* "
        "violent dangerous greedy unnatural evil backward* degenera* pervert* predator* rapist* thieves "
        "thief terrorist* worst stink* smelly disgusting gross sick abnormal* immoral* sinful abominat* "
        "useless burden* incapable unintelligent hysterical emotional whiny ungrateful untrustworthy "
        "dishonest manipulative weak ruin* destroy* spoil* corrupt* steal* stealing invad* invasion "
        "takeover overrun flood* infest* breed* breeding spread* scheming control* minderwertig* "
        "kriminell* inferiores sucios sales inférieurs disgrace* joke toxic fake uneducated illiterate "
        "menace* threat freeload* leeching welfare promiscuous pedophile* paedophile* molest* groomer* "
        "mutant* illegals thug thugs gangster* ghetto slave* slavery kitchen obey inbred*"
    ),
    "dehuman": (
        "vermin rat rats cockroach* roach* parasite* maggot* leech* animal animals ape apes monkey* dog "
        "dogs plague* filth insect* dirt mongrel* beast* monster* swine demon* devil* subhuman* ungeziefer "
        "parasiten ratas cucarachas bugs pest pests garbage trash scum "
        "savages rodents snakes"
    ),
    "hate": (
        "hate hates hated hating hateful loath* despis* detest* abhor* can't resent* repuls* disgusts "
        "sickens hasse hassen odio odi* déteste* odeio"
    ),
    "warm": (
        "love loves loved respect* admir* welcom* support* proud beautiful wonderful amazing great "
        "celebrat* equal* kind kindness friends friend happy nice best awesome good brave strong help "
        "helped thank* hope peace"
    ),
    "violence_strong": (
        "murder* stab stabs stabbed stabbing slaughter* massacre* behead* strangl* lynch* tortur* rape "
        "raped raping rapes rapist* exterminat* annihilat* genocid* shank* dismember* decapitat* "
        "disembowel* mutilat* impal* slit slits slitting gouge* gouging choked choking bludgeon* maim* "
        "assassinat* massakr* waterboard* flay* castrat* crucif* gassed gas-chamber* genozid* töte* "
        "umbring* ermord* vergas* erschieß* asesin* ammazz* uccid* tuez maten matar molest* abduct* "
        "kidnap*"
    ),
    "violence": (
        "kill kills killed killing killings killer* shoot* execut* gas beaten beat beating burned burnt "
        "slash* smash* crush* eradicat* wipe* bash* knife punch* kick kicked kicking slap slapped whip "
        "whipped hang hanged hit hits muerte tuer mort morire attack* fight* hurt hurts weapon* threaten* "
        "destroy* explode* bomb* burn"
    ),
    "harm": (
        "gun guns shot shots die dies dead death war wars blow fire explo* bullet* knives pain pains "
        "suffer* fight* victim* injur* violen* axe sword* grave coffin* funeral* corpse*"
    ),
    "gore": (
        "blood bloody gore gory guts intestin* corpse* carcass* severed severing organs skull* brains "
        "wound* bleed* bled bleeding limb limbs eyeball* eyeballs flesh entrails scream* agony agoniz* "
        "torment* butcher* splatter* viscera* gruesome* grotesque* bloodied bloodstained cannibal* zombie* "
        "innards oozing oozed rotting dripping spurt* writh* mangled shredded ripped sliced hacked throat "
        "throats"
    ),
    "remove": (
        "deport* exterminat* eradicat* eliminat* expel* exile* ban banned remov* purge* gas lynch* eras* "
        "cleans* segregat* sterili* castrat* wipe send sent gather round lock locked shipped"
    ),
    "deserve": (
        "deserve* should must ought need needs gotta belong* shouldn't better going gonna will i'll wish "
        "want wanna hope would"
    ),
    "sex_explicit": (
        "penis* cock cocks dick dicks pussy pussies vagina* clit clitoris clits boob* tits titties titty "
        "nipple* anus genital* testicle* cum cums cumming cummed semen sperm blowjob* handjob* rimjob* "
        "titjob* footjob* fellatio cunnilingus deepthroat* creampie* gangbang* bukkake* orgasm* masturbat* "
        "ejaculat* dildo* vibrator* porn* hentai xxx milf* fapping fap cumshot* schlong hard-on boner "
        "erection* orgy orgies threesome* foursome* fuckdoll cumdump cumslut* slutty cuckold* pegging "
        "sodom* rimming fingering fisting fingered incest* bestiality zoophil* futa futanari ahegao "
        "onlyfans camgirl* nsfw sexting sexchat cybersex erotica erotic* schwanz muschi titten polla verga "
        "chatte buceta ficken vögel* follar* baise* scopare transar jizz* asshole butthole buttplug "
        "squirt* squirting cameltoe upskirt facesitting edging jerkoff jerk-off wank* gloryhole* "
        "doggystyle doggy-style missionary-style foreskin scrotum labia vulva ballsack nutsack "
        "rape-fantasy noncon non-con fuckable fucktoy sex-slave smut smutty lewd* lewds rule34"
    ),
    "sex": (
        "sex sexual* sexy sexiest anal bdsm fetish* kink kinky kinks nude* nudes nudity naked prostitut* "
        "hooker* horny stripper* striptease intercourse arous* bondage humping oral seduc* lust* sensual* "
        "topless undress* breast* breasts buttocks groin crotch penetrat* thrust* panties lingerie "
        "cleavage virginity moan* brothel* geil nackt* desnud* sesso escorts hookup* raunchy steamy "
        "intimate* foreplay fondl* grope* groping spank* submissive* dominatrix dominant strip stripped "
        "stripping thong thongs g-string pubic milk-filled spread-legs swinger* voyeur* exhibitionis* "
        "condom* lubricant lube viagra aphrodisiac* busty curvy voluptuous swollen throbbing wetness "
        "cleavages sexuality inseminat* impregnat* lactat*"
    ),
    "sex_soft": (
        "kiss* lick* suck* naughty stroke* stroking caress* tongue* lips tease* teasing bare skirt "
        "underwear bikini desire* desires pleasure* passion* throb* virgin* moist grind* rub rubbed "
        "rubbing pounding cheating affair butt balls thigh thighs shaft bra hips panting flirt* lover "
        "lovers mistress hardness trembl* whimper* gasp* shudder* squeez* pinned straddl* unbutton* unzip* "
        "nibbl*"
    ),
    "sex_setting": (
        "hot wet hard bed bedroom dress mouth riding ride tight skin master body bodies girl girls boy "
        "boys teen teens young daughter sister mom mother wife husband boyfriend girlfriend stepmom "
        "stepsister stepbrother stepson stepdad mommy daddy cheerleader* schoolgirl* maid nurse secretary "
        "busty blonde brunette shower massage* waist neck chest legs knees"
    ),
    "minor": "loli lolis lolicon shota* underage jailbait preteen* pedo pedophil* paedophil* toddlercon cp",
    "child": (
        "child children kid kids minor minors toddler* infant* baby boy girl teen* schoolgirl* schoolboy* "
        "daughter son pupil* year-old years-old"
    ),
    "selfharm": (
        "suicid* self-harm* selfharm* self-injur* cutting overdos* noose anorex* bulimi* thinspo* proana "
        "pro-ana purging starve starving starved ritz* selbstmord* umbringen suicidi* suicidar* wrists "
        "wrist razor* blades cuts scars kms unalive"
    ),
    "despair": (
        "myself hopeless* worthless depress* pain end ending life alive anymore goodbye better die dying "
        "live living tired alone give wrist pills bridge jump hang bleed cut cutting"
    ),
    "i": "i i'm i'd i'll i've me my myself im ive ich mich mir yo je moi",
    "you": "you your you're u ur you'll yourself yours youre du dich dir dein* tú tu te vous toi",
    "not": (
        "not no never don't doesn't didn't isn't aren't wasn't can't cannot won't shouldn't wouldn't "
        "nobody none nothing without nicht kein* nie nunca jamás pas jamais non não"
    ),
    "denounce": (
        "racis* sexis* homophob* transphob* islamophob* antisemit* xenophob* misogyn* bigot* discriminat* "
        "prejudice* stereotype* slurs slur offensive unacceptable wrong harmful condemn* hateful shame* "
        "shameful disgraceful intoleran* inappropriate hurtful ignoran* equality rights justice abuse "
        "victim* oppress*"
    ),
    "report": (
        "said says say saying told tell reported according police arrested court charged accused article "
        "news report* study research* author book film movie novel scene character chapter history "
        "historical war soldiers government president officials investigation suspect* trial county "
        "officer* department journalist* university minister military army percent announced sentenced "
        "prosecutor* lawyer* convicted election* senator* republican* democrat* spokesman"
    ),
    "recovery": (
        "hotline therapist therapy counsel* recover* treatment support professional prevention awareness "
        "helpline doctor* hospital* medication* clinic* diagnos* psychiatr* coping"
    ),
    "medical": (
        "cancer screening* patient* medical health* disease* symptom* surgery surgeon* vaccin* pregnan* "
        "contracept* anatomy biolog* hormone* reproduct* std stds hiv infection* nutrition* mammogram* "
        "gynecolog* urolog* prostate fertility clinical exam cells tissue species mating"
    ),
    "ideology": (
        "nazi* hitler heil 1488 kkk klan supremac* aryan* reich holocaust* jewry goyim zog globalist* "
        "replacement fascis* swastika* isis jihad* caliphate infidel* kafir* martyr* terror* extremis* "
        "conspir* pureblood* bloodlines führer fuhrer mein-kampf sharia zionis* antifa"
    ),
    "request": (
        "write create generate tell describe explain give list make how what story joke jokes roleplay "
        "poem script essay song lyrics schreib* erzähl* escribe écris"
    ),
    "dirtyjoke": (
        "dirty naughty vulgar obscene explicit crude lewd perverted raunchy filthy uncensored profan* "
        "profanity swear* curse* cursing offensive insult* roast unhinged taboo kinky erotic edgy rude "
        "degrad* humiliat* racist sexist"
    ),
    "unbound": (
        "uncensored unfiltered unrestricted immoral unethical amoral jailbreak* jailbroken dan unhinged "
        "restrictions limitations filters policies guidelines censorship morals moral ethics ethical "
        "illegal consent"
    ),
    "roleplay": (
        "roleplay role-play roleplaying rp pretend act character persona fantasy scenario scene fanfic* "
        "fanfiction smut story pov"
    ),
    "drugs": "drug drugs cocaine heroin meth weed lsd crack marijuana hack* steal bomb explosive* poison*",
    "polite": "please thank thanks regards sincerely dear hello hi welcome",
    "technical": (
        "code python java javascript function server linux sql database process thread file files api "
        "script* command network software data algorithm install error class variable string array debug "
        "compile html css model models train dataset gpu docker query excel"
    ),
    "learning": (
        "explain difference between define definition meaning example* history summary summarize translate "
        "calculate recommend suggest advice improve compare benefits tips plan recipe travel company "
        "business product* market* customer* resume email essay paragraph* sentence* article students "
        "lesson math"
    ),
    "kys": "kys neck-yourself unalive",
}
"""Words by category; ``kill*`` stands for every word that begins so."""

PHRASES = {
    "kill_you": (
        "kill yourself|kill you|kill your|hang yourself|shoot yourself|hurt yourself|drink bleach|go die|"
        "drop dead|rot in hell|go to hell|burn in hell|hope you die|die in a|slit your|beat you|"
        "beat the shit|kick your ass|cut your|rip your|slap you|punch you|rape you|find you|you will die|"
        "you deserve to|murder you|put a bullet|blow your|break your neck|end your life|"
        "wish you were dead"
    ),
    "kill_me": (
        "kill myself|killing myself|kill me|want to die|wanna die|end my life|end it all|ending my life|"
        "hurt myself|hurting myself|cut myself|cutting myself|hate myself|hang myself|don't want to live|"
        "be dead|my own life|better off dead|better off without me|take my life|no reason to live|"
        "harm myself|slit my|my wrists|tired of living|not worth living|starve myself|want to disappear|"
        "commit suicide|committing suicide"
    ),
    "kill_them": (
        "kill all|kill them|kill every|death to|deserve to die|should die|should be killed|must die|"
        "must be killed|should be shot|should be hanged|should be gassed|gas the|hang the|wipe out|"
        "wiped out|shoot them|burn them|should all die|need to die|be exterminated|should be deported|"
        "should be banned|get rid of|go back to|send them back|be put down|should not exist|"
        "shouldn't exist|should be locked|should burn|hope they die"
    ),
    "abuse": (
        "shut up|fuck you|fuck off|screw you|piss off|shut your|shut the|piece of shit|piece of garbage|"
        "piece of trash|waste of space|waste of oxygen|suck my|lick my|kiss my ass|son of a|your mom|"
        "your mother|eat shit|you suck|you are nothing|nobody likes you|no one likes you|nobody loves you|"
        "go away|hate you|you're a|you are a|you are such|you're such|you fucking|you stupid|you little|"
        "get a life|sick of you|full of shit|dumb as|full of yourself|how dare you|you people"
    ),
    "generalise": (
        "all women|all men|all jews|all muslims|all blacks|all immigrants|all gays|women are|men are|"
        "jews are|muslims are|blacks are|gays are|immigrants are|women should|women belong|these people|"
        "those people|you people|their kind|our race|white race|white power|jews control|are all|"
        "are nothing but|are just|don't belong|take over|taking over|are not human|aren't human|"
        "master race|white genocide|third reich|final solution|sieg heil|heil hitler"
    ),
    "sex_phrase": (
        "have sex|having sex|had sex|make love|making love|made love|give head|giving head|blow job|"
        "hand job|jerk off|jerking off|jack off|get off|turn on|turned on|turns me on|fuck me|fuck her|"
        "fuck him|fucks her|fucked her|fucking her|suck your|suck his|sucking his|sucking on|inside her|"
        "inside me|inside him|her breasts|his cock|her pussy|her legs|his pants|her panties|her dress|"
        "her clothes|his hand|my cock|my dick|my pussy|your cock|your pussy|my ass|her ass|his ass|"
        "wet for|hard for|sex scene|sex scenes|sex slave|sex story|sex stories|sexual fantasy|"
        "sexual fantasies|erotic story|adult content|adult story|explicit content|explicit scene|take off|"
        "takes off|took off|one night stand|big tits|big boobs|big breasts|large breasts|age gap|step mom|"
        "step sister|virgin girl|bent over|on top of|between her|between my|between his|moans as|"
        "with my tongue|spread her|spread your|sleep with|slept with|in bed|dirty talk|talk dirty|"
        "send nudes|hot girl|hot girls|sexy girl|young girl|young girls|little girl|little girls|"
        "school girl|high school"
    ),
    "unbound_phrase": (
        "no restrictions|without restrictions|no limits|no limitations|without limitations|without any|"
        "no moral|no morals|no ethical|no ethics|no filter|no filters|without filter|any restrictions|"
        "anything now|never refuse|do not refuse|don't refuse|cannot refuse|can't refuse|developer mode|"
        "evil confidant|stay in character|break character|ignore previous|ignore all|as an ai|"
        "ethical guidelines|moral guidelines|illegal or|immoral or|unethical or|no matter how|"
        "regardless of|not bound|content policy|openai policies|offensive jokes|offensive joke|"
        "racist joke|racist jokes|sexist joke|sexist jokes|dirty joke|dirty jokes|dark humor|curse words|"
        "swear words|use profanity|in the style of a"
    ),
    "story_violent": (
        "covered in blood|pool of blood|blood pouring|cut off|chopped off|ripped off|tore off|torn apart|"
        "cut open|stabbed him|stabbed her|shot him|shot her|killed him|killed her|kill him|kill her|"
        "beat him|beat her|slit his|slit her|his throat|her throat|his head|her head|his skull|to death|"
        "in the head|in the face|screamed in|body parts|dead body|dead bodies|mass shooting|"
        "school shooting|suicide bombing|make a bomb|build a bomb|hit man|blown up|burned alive|"
        "buried alive|skinned alive"
    ),
}
"""Phrases by category, apart by a bar: what words one by one do not tell."""

SPEAKING = (
    "slur", "profane_strong", "profane", "profane_mild", "insult_strong", "insult", "demean", "dehuman",
    "hate", "violence_strong", "violence", "gore", "sex_explicit", "sex", "sex_soft", "minor", "selfharm",
    "kys", "ideology", "dirtyjoke", "kill_you", "kill_me", "kill_them", "abuse", "generalise", "sex_phrase",
    "unbound", "unbound_phrase", "roleplay", "story_violent",
)  # fmt: skip
"""Categories that may only speak for toxicity: more of them never makes a text less toxic."""

DISGUISED = (
    "slur", "profane_strong", "profane", "group", "hate", "violence", "violence_strong", "demean", "insult",
    "insult_strong", "dehuman", "sex_explicit", "sex",
)  # fmt: skip
"""Categories whose words are also found misspelled."""

NO_DISGUISE = (
    "back food ethic money pick picks moon base trust carbon sitting sits arts pets wore vegas "
    "violet ares soil americas burt carp mere christin lair arch reset cred bred cons slope slopes "
    "puts garage seal sealing marion sink roam gros cant darker darkest hose hats sank encuentr "
    "insetti tortues quer refuge binds bind migrat beta cristian inset backs monterey toto putin "
    "refugee ides plages viel sant crowed cram barn form trial silt gory teak broth rived wont dive "
    "gun gnu"
)
"""Words that are spelled like a misspelling of others, and are none."""
