"""What the demo world consists of, as data. Everything in it is invented."""

from dataclasses import dataclass, field

from stdnum import luhn

from companies.models import Role


def org_number(serial: int) -> str:
    """Return a Swedish organisation number with a right check digit, from an invented series."""
    base = f"5599{serial:05d}"
    return base + luhn.calc_check_digit(base)


@dataclass(frozen=True)
class DemoService:
    slug: str
    name: str
    tagline: str
    description: str
    monthly_price: str
    auth_method: str
    roles: tuple[tuple[str, str], ...] = (("user", "Användare"), ("admin", "Administratör"))


@dataclass(frozen=True)
class DemoPerson:
    email: str
    full_name: str
    note: str
    has_totp: bool = False
    is_active: bool = True
    staff_groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class DemoMember:
    email: str
    roles: tuple[Role, ...]
    joined_days_ago: int | None = None  # from the beginning, unless told otherwise


@dataclass(frozen=True)
class DemoCompany:
    serial: int
    name: str
    owner: str
    street: str
    postcode: str
    city: str
    firm_kind: str = ""
    members: tuple[DemoMember, ...] = ()
    # service slug → seats, and who sits on them in which role
    services: dict[str, tuple[int, tuple[tuple[str, str], ...]]] = field(default_factory=dict)

    @property
    def org_number(self) -> str:
        return org_number(self.serial)


@dataclass(frozen=True)
class DemoMandate:
    """What a client lets the firm do, who leads the work and who does it."""

    client: DemoCompany
    items: dict[str, tuple[str, ...]]  # service slug → packages
    lead: str = "leif@exempel.se"
    workers: tuple[str, ...] = ()
    asked_days_ago: int = 200
    is_approved: bool = True


SERVICES = (
    DemoService(
        "bokforing",
        "Bokföring",
        "Löpande bokföring och bokslut",
        "Kontera, stäm av och stäng månaden. Bokslut och årsredovisning ingår.",
        "249.00",
        "client_secret_basic",
    ),
    DemoService(
        "lon",
        "Lön",
        "Löner, semester och AGI",
        "Lönekörning med arbetsgivardeklaration, semesterskuld och lönebesked.",
        "189.00",
        "client_secret_post",
    ),
    DemoService(
        "tid",
        "Tid & projekt",
        "Tidrapporter och projektuppföljning",
        "Rapportera tid i mobilen, följ projekt mot budget och fakturera rätt.",
        "79.00",
        "private_key_jwt",
    ),
    DemoService(
        "kvitto",
        "Kvitto",
        "Fota kvittot, klart",
        "Utlägg och körjournal i mobilen, attest och underlag till lönen.",
        "39.00",
        "none",
    ),
)

SUNROSE = DemoCompany(
    10,
    "Bageri Solros AB",
    "anna@exempel.se",
    "Storgatan 12",
    "903 26",
    "Umeå",
    members=(
        DemoMember("erik@exempel.se", (Role.ADMIN,)),
        DemoMember("karin@exempel.se", (Role.BILLING,)),
        DemoMember("sara@exempel.se", (Role.SECURITY,)),
        DemoMember("johan@exempel.se", (Role.MEMBER,)),
        DemoMember("lars@exempel.se", (Role.AUDITOR,), joined_days_ago=12),
        DemoMember("disa@exempel.se", (Role.MEMBER,)),
    ),
    services={
        "bokforing": (
            5,
            (
                ("anna@exempel.se", "admin"),
                ("erik@exempel.se", "user"),
                ("lars@exempel.se", "user"),
            ),
        ),
        "lon": (3, (("anna@exempel.se", "admin"), ("karin@exempel.se", "user"))),
    },
)
NORTHERN = DemoCompany(
    20,
    "Norrlands Måleri AB",
    "olof@exempel.se",
    "Industrivägen 4",
    "931 36",
    "Skellefteå",
    members=(
        DemoMember("anna@exempel.se", (Role.MEMBER,)),
        DemoMember("tove@exempel.se", (Role.ADMIN,)),
    ),
    services={
        "bokforing": (2, (("olof@exempel.se", "admin"), ("anna@exempel.se", "user"))),
        "tid": (10, (("olof@exempel.se", "user"), ("tove@exempel.se", "admin"))),
    },
)
FIRM = DemoCompany(
    30,
    "Kompassen Redovisning AB",
    "birgitta@exempel.se",
    "Kungsgatan 48",
    "903 25",
    "Umeå",
    firm_kind="accounting",
    members=(
        DemoMember("klara@exempel.se", (Role.CLIENT_ADMIN,)),
        DemoMember("leif@exempel.se", (Role.ENGAGEMENT_LEAD,)),
        DemoMember("moa@exempel.se", (Role.MEMBER,)),
    ),
    services={"bokforing": (4, (("birgitta@exempel.se", "admin"), ("moa@exempel.se", "user")))},
)
_CLIENTS = (
    ("Abborrtjärns Fiske AB", "Per Abrahamsson", "Lycksele"),
    ("Björkens Förskola AB", "Ulla Björk", "Umeå"),
    ("Cykelverkstan i Holmsund AB", "Ali Hassan", "Holmsund"),
    ("Degernäs Bygg AB", "Stig Lundmark", "Umeå"),
    ("Ersboda El AB", "Maria Nyström", "Umeå"),
    ("Fjällvind Konsult AB", "Jonas Fjellström", "Tärnaby"),
    ("Granö Trävaror AB", "Inger Gran", "Vindeln"),
    ("Hjoggböle Mekaniska AB", "Sten Sundberg", "Skellefteå"),
    ("Isälvens Kafé AB", "Lovisa Is", "Jokkmokk"),
    ("Jämteborgs Frisör AB", "Samira Ahmadi", "Östersund"),
    ("Kallkällans Spa AB", "Petra Källman", "Arvidsjaur"),
    ("Lövångers Potatis AB", "Nils Löv", "Lövånger"),
)


def _client_email(number: int) -> str:
    return f"klient{number:02d}@exempel.se"


CLIENTS = tuple(
    DemoCompany(
        100 + number,
        name,
        _client_email(number),
        f"Byvägen {number}",
        "900 00",
        city,
        services={"bokforing": (1, ((_client_email(number), "admin"),))},
    )
    for number, (name, _person, city) in enumerate(_CLIENTS, start=1)
)
_MOA = ("moa@exempel.se",)
MANDATES = (
    *(DemoMandate(client, {"bokforing": ("operate",)}, workers=_MOA) for client in CLIENTS[:6]),
    *(
        DemoMandate(client, {"bokforing": ("sign",), "lon": ("operate",)})
        for client in CLIENTS[6:9]
    ),
    DemoMandate(CLIENTS[9], {"bokforing": ("read",)}, lead="birgitta@exempel.se", workers=_MOA),
    DemoMandate(CLIENTS[10], {"bokforing": ("operate", "admin")}, workers=_MOA),
    DemoMandate(CLIENTS[11], {"bokforing": ("operate",)}, workers=_MOA, asked_days_ago=345),
    DemoMandate(SUNROSE, {"bokforing": ("operate",)}, asked_days_ago=3, is_approved=False),
)
COMPANIES = (SUNROSE, NORTHERN, FIRM, *CLIENTS)

PEOPLE = (
    DemoPerson("anna@exempel.se", "Anna Andersson", "owner of one company, member of another"),
    DemoPerson("erik@exempel.se", "Erik Ekström", "administrator"),
    DemoPerson("karin@exempel.se", "Karin Karlsson", "billing manager"),
    DemoPerson("sara@exempel.se", "Sara Sandberg", "security manager"),
    DemoPerson("johan@exempel.se", "Johan Johansson", "member without a seat"),
    DemoPerson("lars@exempel.se", "Lars Lindqvist", "auditor, access ends by itself"),
    DemoPerson("disa@exempel.se", "Disa Dahl", "disabled person", is_active=False),
    DemoPerson("olof@exempel.se", "Olof Olofsson", "owner"),
    DemoPerson("tove@exempel.se", "Tove Törnqvist", "administrator with TOTP", has_totp=True),
    DemoPerson("birgitta@exempel.se", "Birgitta Berg", "owner of the firm"),
    DemoPerson(
        "klara@exempel.se",
        "Klara Klint",
        "client administrator of the firm, with an access review to answer",
    ),
    DemoPerson(
        "leif@exempel.se", "Leif Lindgren", "engagement lead of the firm, sees seats of one client"
    ),
    DemoPerson("moa@exempel.se", "Moa Mattsson", "member of the firm"),
    *(
        DemoPerson(_client_email(number), person, "owner of a client of the firm")
        for number, (_name, person, _city) in enumerate(_CLIENTS, start=1)
    ),
)
STAFF = (
    DemoPerson(
        "stina@vop.example", "Stina Support", "", has_totp=True, staff_groups=("support_read",)
    ),
    DemoPerson("bo@vop.example", "Bo Bergman", "", has_totp=True, staff_groups=("billing_ops",)),
    DemoPerson("beata@vop.example", "Beata Blom", "", has_totp=True, staff_groups=("billing_ops",)),
    DemoPerson(
        "ines@vop.example",
        "Ines Incident",
        "",
        has_totp=True,
        staff_groups=("incident_ops", "security_ops"),
    ),
)
