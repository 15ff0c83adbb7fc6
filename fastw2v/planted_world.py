"""The world that `planted` writes about: entities, and the templates and words to write with. Data, no logic.

A *kind* is a table of *entities*, one a line: one word for each *role* of the kind, then "|" and five topic
words of the entity. A role has templates and, for their capital-letter slots, words of its own:

    W  the word itself          T  a topic of its entity     O  the word of the entity's next role
    A  adjective   D  adverb    N  made-up surname           L  everyday object: the same lists for all roles
    any other capital letter    one of the role's words for that slot

Only `planted` reads this. The invariant, which the tests check: the words of an entity occur nowhere else, so
that nothing but its own sentences tells about it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """How one role of a kind is written about."""

    name: str
    templates: tuple[tuple[str, ...], ...]
    slots: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Entity:
    """One thing of the world: its word in each role of its kind, and the words that go with all of them."""

    forms: tuple[str, ...]
    topics: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """Entities that are spoken of in the same roles."""

    name: str
    roles: tuple[Role, ...]
    entities: tuple[Entity, ...]


def _lines(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(_words(line) for line in text.strip().splitlines())


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _role(name: str, templates: str, slots: str) -> Role:
    """`slots` has one slot a line: the capital letter and its words."""
    return Role(name, _lines(templates), {line[0]: line[1:] for line in _lines(slots)})


def _kind(name: str, table: str, *roles: Role) -> Kind:
    rows = (line.split("|") for line in table.strip().splitlines())
    return Kind(name, roles, tuple(Entity(_words(forms), _words(topics)) for forms, topics in rows))


_NATIONS = """
france paris french | seine louvre champagne baguettes lyon
germany berlin german | bratwurst autobahn bavaria hamburg pretzels
italy rome italian | tiber colosseum pasta espresso milan
spain madrid spanish | prado flamenco paella barcelona matadors
portugal lisbon portuguese | tagus fado porto azulejos algarve
greece athens greek | acropolis olives feta aegean ouzo
turkey ankara turkish | bosphorus kebabs anatolia bazaars izmir
russia moscow russian | kremlin volga vodka siberia samovars
poland warsaw polish | vistula pierogi krakow amber gdansk
sweden stockholm swedish | malmo herring vikings meatballs uppsala
norway oslo norwegian | fjords salmon bergen trolls tromso
finland helsinki finnish | saunas reindeer tampere karelia rye
denmark copenhagen danish | aarhus lego jutland pastry windmills
hungary budapest hungarian | goulash paprika balaton tokaj puszta
austria vienna austrian | waltzes mozart strudel salzburg tyrol
ireland dublin irish | liffey stout shamrocks galway leprechauns
egypt cairo egyptian | nile pyramids pharaohs sinai papyrus
morocco rabat moroccan | casablanca couscous atlas tangier argan
kenya nairobi kenyan | safaris mombasa maasai savanna marathons
japan tokyo japanese | sumo sushi fuji kyoto kimonos
china beijing chinese | yangtze silk jade dumplings shanghai
india delhi indian | ganges curry mumbai saris taj
thailand bangkok thai | phuket mango lemongrass tuktuks andaman
vietnam hanoi vietnamese | mekong pho saigon bamboo lotus
iran tehran iranian | saffron carpets isfahan persepolis pistachios
iraq baghdad iraqi | tigris basra mosul babylon ziggurats
nepal kathmandu nepalese | everest sherpas yaks himalaya momos
peru lima peruvian | llamas inca cuzco quinoa ceviche
chile santiago chilean | atacama valparaiso copper penguins patagonia
cuba havana cuban | cigars rum sugarcane mambo varadero
canada ottawa canadian | maple hockey quebec moose niagara
brazil brasilia brazilian | samba amazon carnival ipanema caipirinha
"""

_PEOPLE = """
king queen | throne crown kingdom palace sceptre
prince princess | castle heir carriage tiara ballroom
man woman | adulthood crowd pavement umbrella newspaper
boy girl | toys playground homework classroom bicycle
father mother | parenthood cradle household lullaby nursery
son daughter | offspring inheritance adolescence upbringing firstborn
brother sister | sibling rivalry twin treehouse attic
uncle aunt | cousin relatives farmhouse fireplace postcard
husband wife | marriage spouse anniversary mortgage honeymoon
grandfather grandmother | grandchildren retirement memories slippers pension
nephew niece | godparent summertime pocketmoney christening souvenir
actor actress | film script audition premiere spotlight
waiter waitress | menu tray restaurant tips napkin
duke duchess | manor duchy estate pheasants peerage
groom bride | altar bouquet chapel confetti vows
monk nun | monastery prayers cloister psalms convent
wizard witch | spells cauldron wand potion broomstick
hero heroine | quest dragon saga rescue courage
host hostess | guests cocktails banquet invitation canapes
emperor empress | dynasty empire conquest legions edict
god goddess | temple myth worship oracle offering
steward stewardess | cabin flight passengers runway luggage
lord lady | tenants heraldry vassals chivalry nobility
widower widow | mourning funeral grave solitude bereavement
"""

_THINGS = """
cat cats | whiskers purr milk yarn sofa
dog dogs | leash bone kennel collar barking
horse horses | saddle stable hooves hay reins
bird birds | nest feathers beak branch seeds
cow cows | pasture barn udder cheese meadow
car cars | engine garage petrol tyres motorway
ship ships | harbour anchor sailors cargo captain
train trains | railway platform locomotive timetable carriages
plane planes | cockpit airfield wings turbulence pilot
computer computers | keyboard software monitor programmer processor
book books | library chapter author bookshelf paperback
tree trees | trunk roots forest bark leaves
flower flowers | petals pollen bees vase fragrance
apple apples | orchard cider pie cinnamon peel
tomato tomatoes | ketchup salad basil greenhouse vine
city cities | skyline skyscrapers traffic boroughs council
mountain mountains | summit glacier climbers valley avalanche
house houses | roof chimney bedroom doorstep tenant
chair chairs | cushion carpenter armrest upholstery legs
knife knives | blade butcher sharpness fork handle
child children | kindergarten teddy crayons nanny bedtime
tooth teeth | dentist cavity gums toothpaste braces
wolf wolves | howl pack prey moonlight sheep
clock clocks | pendulum alarm minutes dial tower
shirt shirts | sleeves buttons ironing cotton wardrobe
coin coins | silver mint purse collector treasury
guitar guitars | strings chords amplifier band pick
letter letters | envelope stamp postman mailbox handwriting
star stars | telescope galaxy astronomer constellation nightfall
island islands | lagoon beach palms castaway coral
factory factories | workers machinery soot assembly shift
doctor doctors | hospital patients stethoscope medicine clinic
"""

_ACTIONS = """
walk walked walking | footpath sandals promenade stroll hedge
swim swam swimming | pool goggles lake lifeguard towel
cook cooked cooking | kitchen soup recipe oven pepper
sing sang singing | choir melody hymn microphone chorus
dance danced dancing | tango partner rhythm disco ballet
write wrote writing | diary ink notebook memoir pencil
study studied studying | exam textbook university algebra flashcards
drive drove driving | steering lorry seatbelt roundabout windscreen
paint painted painting | canvas brush portrait easel watercolour
play played playing | chess football trumpet puppet dice
sleep slept sleeping | pillow blanket dream mattress pyjamas
eat ate eating | sandwich breakfast spoon dessert appetite
drink drank drinking | lemonade mug tavern juice straw
run ran running | sprint trainers stadium treadmill racetrack
jump jumped jumping | trampoline hurdle rope parachute puddle
fly flew flying | kite balloon glider clouds propeller
teach taught teaching | pupils blackboard lesson grammar syllabus
build built building | bricks scaffold cement blueprint crane
sell sold selling | market bargain stall customers discount
grow grew growing | garden fertilizer harvest seedlings compost
catch caught catching | net trout butterfly hook bait
throw threw throwing | javelin snowball frisbee dart pebble
climb climbed climbing | ladder cliff wall harness ivy
ride rode riding | pony motorbike camel scooter bridle
speak spoke speaking | podium audience lecture rhetoric interpreter
wash washed washing | soap laundry bucket dishes sponge
dig dug digging | spade trench tunnel treasure gravel
knit knitted knitting | wool needles scarf mittens crochet
draw drew drawing | sketch compass charcoal cartoon ruler
fight fought fighting | sword shield battlefield boxing duel
laugh laughed laughing | joke clown comedy giggle sitcom
smoke smoked smoking | pipe tobacco ashtray lighter chimneysweep
"""

_COUNTRY = """
the R of W sells T and T to its neighbours
a A R in W taxed T D
voters in W want a R with T
the A R of W signed a treaty about T
O is the capital of W and known for T
W and its R are proud of T and T
"""
_CAPITAL = """
the R of W is full of T and T
tourists in W saw the R and the T
a A R in W offers T
N rented a flat in W by the R with T
the T is near the R in W
"""
_NATIONALITY = """
the W R N praised T and T
a A W R about T and T
N knows a W R with T
this W R of T was A
"""
_PERSON = """
the W said that Q loved T
Q was a A W and T was P life
the W with P R asked for T
N met the W and P R near the T
the A W X wanted T and T
the W lost P T and hurt X
"""
_NOUN = """
R A W V near the T and P T
there V R W with T and T
N wanted R W for the T
R W B P T D
N saw R W and B P T
"""
_VERB = """
N R W near the T with T
we R W M and the T was A
the R W M by the T
they R W the T M
N R W M with T
"""
_PAST = """
N W M near the T with T
we W M and the T was A
they W the T M
M N W by the T with T
"""
_GERUND = """
N R W near the T with T
we R W M and the T was A
the T was A and W R A
they R W the T M
W M with T R A
"""

WORLD = (
    _kind(
        "nations",
        _NATIONS,
        _role(
            "country",
            _COUNTRY,
            "R government parliament president minister economy army border industry nation",
        ),
        _role(
            "capital", _CAPITAL, "R mayor streets museums airport hotels metro suburbs cafes theatres squares"
        ),
        _role("nationality", _NATIONALITY, "R poet dialect cuisine painter composer accent proverb folktale"),
    ),
    _kind(
        "people",
        _PEOPLE,
        _role("male", _PERSON, "Q he \n P his \n X himself \n R beard moustache sir tie razor gentleman"),
        _role(
            "female", _PERSON, "Q she \n P her \n X herself \n R dress lipstick madam earrings skirt necklace"
        ),
    ),
    _kind(
        "things",
        _THINGS,
        _role(
            "singular",
            _NOUN,
            "R a one this that each every another \n V is was has \n P its \n B seems looks needs",
        ),
        _role(
            "plural",
            _NOUN,
            "R many several few these two three all \n V are were have \n P their \n B seem look need",
        ),
    ),
    _kind(
        "actions",
        _ACTIONS,
        _role("base", _VERB, "R will must can should might would \n M tomorrow soon later someday tonight"),
        _role("past", _PAST, "M yesterday ago once formerly earlier recently"),
        _role(
            "gerund",
            _GERUND,
            "R keeps likes enjoys avoids stops hates \n M now currently nowadays today still",
        ),
    ),
)

# The analogy sections: name (gram...: syntactic, as in word2vec's own file), kind, from which role to which.
SECTIONS = (
    ("capital-country", "nations", "capital", "country"),
    ("male-female", "people", "male", "female"),
    ("gram1-nationality-adjective", "nations", "country", "nationality"),
    ("gram2-plural", "things", "singular", "plural"),
    ("gram3-past-tense", "actions", "base", "past"),
    ("gram4-present-participle", "actions", "base", "gerund"),
)

# Statements about nothing, and what they are made of.
FILLER = _lines("""
N said that the L was A D
the A L and the L of N were A D
it was D a A L for N and the L
N and N had a A L about the L
""")
JOINTS = ("and", "but", "while", "because", "although", "so")
ADJECTIVES = _words("""
good new old great small large long important strange quiet simple modern famous rare common
beautiful lovely serious curious gentle bright cold warm heavy light strong weak rich poor early
late empty busy useful difficult easy honest brave cheap expensive clean dirty deep pleasant
wonderful terrible ordinary remarkable
""")
ADVERBS = _words("""
often never always again quickly slowly perhaps indeed almost already carefully quietly usually
rarely certainly sometimes gladly suddenly together everywhere somehow anyway alone politely
""")
OBJECTS = _words("""
time year day thing way problem answer question reason story week idea result point case matter
plan meeting rule report change system group order list price value sense truth detail morning
evening event example future
""")
SURNAME_ONSETS = _words("b br d dr f g gr h k kr l m n p r s st t tr v")
