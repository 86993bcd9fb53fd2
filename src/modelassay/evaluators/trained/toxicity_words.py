"""Words that toxic texts are told by, and words that tell what only speaks of them; offensive by nature.

Categories follow common moderation policies: sexual content, hate, violence, harassment, self-harm; and what
hate speech research asks to be told apart (Röttger et al. 2021): who is spoken of, what is said of them,
who says it, and whether it is denied, quoted or answered. English; the strongest words also in German,
Spanish, French, Italian and Portuguese.
"""

from __future__ import annotations

TOXIC = {
    "slur": (
        "nigg* faggot* fag fags kike* spic spics wetback* chink chinks gook* coon coons raghead* "
        "towelhead* tranny trannies trannie* dyke* paki pakis beaner* cunt* retard* spaz spastic* gypp* "
        "jungle-bunny sand-nigg* cracker* whitey shemale* wog wogs darkie* negro negroes nègre* maricón "
        "maricon* sudaca* kanake* neger* schwuchtel* bougnoule* youpin* viado* mongoloid* cripple* "
        "libtard* feminazi* golliwog*"
    ),
    "profanity": (
        "fuck* motherfuck* shit shits shitty shitting shithole* bullshit* crap crappy damn damned "
        "goddamn* ass asses asshole* arse* bastard* bollocks wank* piss* bitch* dick dicks dickhead* "
        "prick pricks douche* scheiß* scheiss* fick* arschloch* arsch verdammt* mierda* puta putas puto "
        "putos joder* coño cabrón* cabron* merde* putain* connard* enculé* encule* salope* cazzo* "
        "vaffanculo* stronz* porra caralho* merda* wtf stfu"
    ),
    "insult": (
        "idiot* stupid* moron* dumb dumbass* imbecile* loser* pathetic* worthless* ugly fat fatso "
        "clown* fool fools foolish scum scumbag* trash garbage pig pigs creep creeps creepy coward* "
        "liar liars jerk jerks slut* whore* hoe hoes skank* twat* pussies braindead brainless disgust* "
        "ignorant incompetent loathsome vile nasty freak freaks dimwit* halfwit* simp simps snowflake* "
        "lowlife* crybaby incel* idioten dummkopf* blöd* idiota* estúpid* imbécil* tonto tonta conn* "
        "crétin* débile* stupid* bimbo*"
    ),
    "group": (
        "women woman men girls boys females female males muslim* islam* moslem* jew jews jewish* "
        "zionist* black blacks african* africa white whites asian* chinese china japanese korean* "
        "indian* mexican* mexico latino* latina* hispanic* arab* arabs immigra* migrant* refugee* "
        "foreigner* alien aliens gay gays lesbian* homosexual* homos trans transgender* transsexual* "
        "bisexual* queer* lgbt* disabled disabilit* handicap* crippled autis* wheelchair deaf blind "
        "christian* catholic* hindu* sikh* atheist* buddhist* gypsies gypsy roma native natives "
        "aborigin* minorities minority race races racial ethnic* religion* brown liberals conservatives "
        "feminist* elderly frauen juden muslime ausländer* flüchtling* schwarze* türken mujeres judíos "
        "musulmanes inmigrantes negros moros gitanos femmes juifs musulmans immigrés arabes noirs "
        "mulheres judeus pakistani* israel* palestin* russian* ukrainian* polish turk turks turkish "
        "somali* nigerian* haitian* filipino* vietnamese irish italians americans westerners colored "
        "coloured"
    ),
    "they": "they them their those these all every most people person kind everyone anyone",
    "demean": (
        "inferior* lazy dirty filthy subhuman* sub-human primitive savage* uncivili* barbar* criminal* "
        "violent dangerous greedy unnatural evil backward* degenera* pervert* predator* rapist* thieves "
        "thief terrorist* worst stink* smelly disgusting gross mentally sick abnormal* immoral* sinful "
        "abominat* useless burden* incapable unintelligent hysterical emotional whiny ungrateful "
        "untrustworthy dishonest manipulative weak ruin* destroy* spoil* corrupt* steal* stealing "
        "invad* invasion takeover overrun flood* infest* breed* breeding spread* scheming control* "
        "minderwertig* kriminell* inferiores sucios sales inférieurs disgrace* joke toxic fake"
    ),
    "dehuman": (
        "vermin rat rats cockroach* roach* parasite* maggot* leech* animal animals apes ape monkey* dog "
        "dogs plague* filth insect* dirt mongrel* beast* monster* swine demon* devil* subhuman* "
        "ungeziefer parasiten ratas cucarachas disease* virus human humans bugs pest pests"
    ),
    "hate": (
        "hate hates hated hating hateful loath* despis* detest* abhor* can't resent* repuls* disgusts "
        "sickens hasse hassen odio odi* déteste* odeio sick"
    ),
    "warm": (
        "love loves loved respect* admir* welcom* support* proud beautiful wonderful amazing great "
        "celebrat* equal* kind kindness friends friend happy nice best awesome good brave strong help "
        "helped thank* hope peace"
    ),
    "violence": (
        "kill* murder* shoot* stab* slaughter* massacre* behead* strangl* chok* beaten lynch* execut* "
        "gas gassed burned burnt torture* slit slash* smash* crush* rape raped raping rapes exterminat* "
        "eradicat* annihilat* genocide* wipe* shank* bash* knife töte* umbring* ermord* vergas* "
        "erschieß* matar* maten muerte asesin* tuer* tuez mort ammazz* uccid* morire"
    ),
    "gore": (
        "blood bloody gore guts intestin* corpse* decapitat* dismember* mutilat* carcass* severed "
        "organs skull* brains wound* bleed* limb limbs eyeball* flesh entrails scream* agony torment* "
        "butcher* splatter* gouge*"
    ),
    "remove": (
        "deport* exterminat* eradicat* eliminat* expel* exile* ban banned remov* purge* gas lynch* "
        "eras* cleans* segregat* sterili* castrat* wipe send sent gather round lock locked shipped"
    ),
    "deserve": (
        "deserve* should must ought need needs gotta belong* shouldn't better going gonna will i'll "
        "wish want wanna hope would"
    ),
    "sexbody": (
        "penis* cock cocks dick dicks pussy vagina* clit* boob* tits titties nipple* buttocks anus "
        "genital* testicle* cum semen sperm schwanz muschi titten polla verga coño bite chatte pau "
        "buceta panties lingerie cleavage boner erection* titjob cumshot* asshole* schlong hard-on"
    ),
    "sexact": (
        "sex sexual* sexy fuck* orgasm* masturbat* blowjob* handjob* anal ejaculat* creampie* gangbang* "
        "threesome* bdsm fetish* kink* dildo* vibrator* porn* hentai xxx nude* nudes naked incest* "
        "erotic* prostitut* hooker* cuckold* fellatio cunnilingus deepthroat* rimjob* sodom* horny "
        "slutty milf* bukkake* cumming fingering sexting camgirl* onlyfans stripper* striptease nsfw "
        "vögel* ficken geil nackt* follar* desnud* baise* sesso scopare transar fapping bdsm fap "
        "fapping jerking handjobs blowjobs sodomi* deepthroat* pegging sexchat sexting"
    ),
    "sexsoft": (
        "kiss* lick* suck* moan* lust* naughty undress* strip* stroke* caress* tongue* lips grope* "
        "spank* tease* bare skirt underwear bikini desire* pleasure* passion* throb* virgin* moist "
        "swollen grind* rub rubbed rubbing pounding cheating affair slave submissive dominan* breast* "
        "butt balls groin crotch thigh thighs shaft bra penetrat* thrust* intercourse arous* bondage "
        "humping oral bdsm seduc* escort* hips panting naked nude undressed"
    ),
    "minor": "loli* shota* underage jailbait",
    "selfharm": (
        "suicid* self-harm* selfharm* self-injur* cutting overdos* noose anorex* bulimi* thinspo* "
        "proana pro-ana purging starve starving starved ritz* selbstmord* umbringen suicidi* suicidar* "
        "wrists razor* blades cuts scars kms"
    ),
    "despair": (
        "myself hopeless* worthless depress* pain end ending life alive anymore goodbye better die "
        "dying live living tired alone give wrist pills bridge jump hang bleed cut cutting"
    ),
    "i": "i i'm i'd i'll i've me my myself im ive ich mich mir yo je moi",
    "you": "you your you're u ur you'll yourself yours youre du dich dir dein* tú tu te vous toi",
    "not": (
        "not no never don't doesn't didn't isn't aren't wasn't can't cannot won't shouldn't wouldn't "
        "nobody none nothing without nicht kein* nie nunca jamás pas jamais non não"
    ),
    "denounce": (
        "racis* sexis* homophob* transphob* islamophob* antisemit* xenophob* misogyn* bigot* "
        "discriminat* prejudice* stereotype* slurs slur offensive unacceptable wrong harmful condemn* "
        "hateful shame* shameful disgraceful intoleran* inappropriate hurtful ignoran* equality rights "
        "justice abuse victim* oppress*"
    ),
    "report": (
        "said says say saying told tell reported according police arrested court charged accused "
        "article news report* study research* author book film movie novel scene character chapter "
        "history historical war soldiers government president officials investigation suspect* trial "
        "county officer* department journalist* university government"
    ),
    "recovery": (
        "hotline therapist therapy counsel* recover* treatment support professional prevention "
        "awareness helpline doctor* hospital* medication* clinic* diagnos* psychiatr* coping"
    ),
    "ideology": (
        "nazi* hitler heil 1488 kkk klan supremac* aryan* reich holocaust* jewry goyim zog globalist* "
        "replacement fascis* swastika* isis jihad* caliphate infidel* kafir* martyr* terror* extremis* "
        "conspir* pureblood* bloodlines"
    ),
    "request": (
        "write create generate tell describe explain give list make how what story joke jokes roleplay "
        "poem script essay song lyrics schreib* erzähl* escribe écris"
    ),
    "dirtyjoke": (
        "dirty naughty vulgar obscene explicit crude lewd perverted raunchy filthy uncensored profan* "
        "swear* curse* offensive insult* roast unhinged"
    ),
    "drugs": "drug drugs cocaine heroin meth weed lsd crack marijuana hack* steal bomb explosive* poison*",
    "polite": "please thank thanks regards sincerely dear hello hi welcome",
    "weaksex": (
        "hot wet hard bed bedroom dress mouth riding ride tight skin mistress master body bodies girl "
        "girls boy boys teen teens young daughter sister mom mother wife husband boyfriend girlfriend "
        "stepmom stepsister"
    ),
    "harm": (
        "gun guns weapon* attack* beat* burn* shot bomb* die dies dead death punch* kick* hang hanged "
        "hurt* fight* war wars blow cut cuts fire explo* bullet* knives"
    ),
    "kys": "kys neck-yourself unalive",
}
"""Words by category; ``kill*`` stands for every word that begins so."""

DISGUISED = (
    "slur", "profanity", "group", "hate", "violence", "demean", "insult", "dehuman", "sexact",
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
