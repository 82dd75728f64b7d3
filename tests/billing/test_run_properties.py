"""What holds of a run in the database, whatever was bought and changed before it.

Numbers as in the billing research: 4 (run twice = once), 6 (preview = run), 11 (unbroken series),
12 (issued content keeps its hash), 13 (one currency on a document).
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from auditlog.actors import Actor
from billing.models import BasisLine, ExchangeRate, InvoiceBasis, Plan, Subscription
from billing.operations import approve_basis, approve_run, prepare_run, run_billing, work_run
from billing.queries import get_basis_page, preview_run
from billing.rendering import hash_content
from companies.models import Membership
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan, make_seller, make_vat_rate, set_seats
from tests.factories.companies import SYSTEM, make_company
from tests.factories.services import make_service

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ANNA, BO = Actor("staff", "anna", "Anna"), Actor("staff", "bo", "Bo")

ORG_NUMBERS = ("5560160680", "5560360793", "5566778899")
PURCHASE = st.fixed_dictionaries(
    {
        "interval": st.sampled_from(["month", "quarter", "year"]),
        "currency": st.sampled_from(["SEK", "EUR"]),
        "price": st.decimals("0.01", "9999.9999", places=4).map(str),
        "quantity": st.integers(1, 9),
        "later": st.none() | st.integers(1, 12),
    }
)


class RunProperties(TestCase):
    """Each example has a database of its own."""

    def setup_example(self) -> None:
        """Know the euro's rate on every third day, for VAT in SEK."""
        super().setup_example()  # type: ignore[no-untyped-call]
        first = date(2026, 11, 20)
        ExchangeRate.objects.bulk_create(
            ExchangeRate(
                currency="EUR",
                on=first + timedelta(days=day),
                rate=Decimal("11.0225"),
                source="Riksbanken",
            )
            for day in range(0, 480, 3)
        )

    @settings(max_examples=12, deadline=None)
    @given(
        purchases=st.lists(PURCHASE, min_size=1, max_size=3),
        days=st.integers(0, 420),
        is_approved_first=st.booleans(),
    )
    def test_run_bills_what_its_preview_showed_once_and_unbroken(
        self, *, purchases: list[dict[str, object]], days: int, is_approved_first: bool
    ) -> None:
        as_of = date(2026, 12, 23) + timedelta(days=days)
        at = datetime(as_of.year, as_of.month, as_of.day, 9, tzinfo=UTC)
        owner = make_user(email="alice@exempel.se", full_name="Alice Ek")
        make_vat_rate()
        make_seller()
        make_company(name="Acme AB", owner=owner, org_number="5560160680")
        for number, wanted in enumerate(purchases):
            self._buy(Membership.objects.get(), number, wanted)
        told = {work.company.pk: (work.nets, len(work.lines)) for work in preview_run(as_of)}

        if is_approved_first:
            self._issue(as_of, at)
        else:
            run_billing(as_of=as_of, actor=ANNA, now=at)
        again = run_billing(as_of=as_of, actor=ANNA, now=at)

        lines = list(BasisLine.objects.exclude(run=None).order_by("pk"))
        assert again.lines == 0
        assert len(lines) == sum(count for _nets, count in told.values())
        assert sum(line.net_cents for line in lines) == sum(
            sum(nets.values()) for nets, _count in told.values()
        )
        assert not Subscription.objects.due(as_of).exists()
        starts = [(line.subscription_id, line.term, line.period_start) for line in lines]
        assert len(starts) == len(set(starts))
        self._check_documents()

    @settings(max_examples=10, deadline=None)
    @given(
        purchases=st.lists(PURCHASE, min_size=1, max_size=3),
        seats=st.lists(st.integers(13, 20), max_size=3, unique=True),
    )
    def test_series_is_unbroken_and_hashes_hold_however_drafts_grew(
        self, *, purchases: list[dict[str, object]], seats: list[int]
    ) -> None:
        """Drafts that got lines one by one, each issued by itself, and then a run's."""
        make_vat_rate()
        make_seller()
        for number, wanted in enumerate(purchases):
            owner = make_user(email=f"p{number}@exempel.se")
            company = make_company(
                name=f"Bolag {number} AB", owner=owner, org_number=ORG_NUMBERS[number]
            )
            self._buy(Membership.objects.get(company=company), number, wanted)
        for bought in Subscription.objects.order_by("pk"):
            subscription = bought
            for minute, quantity in enumerate(seats):
                at = NOW + timedelta(days=4, minutes=minute)
                subscription = set_seats(subscription, quantity, now=at)

        for basis in InvoiceBasis.objects.filter(number=None).order_by("pk"):
            approve_basis(basis=basis, actor=BO, now=NOW + timedelta(days=5))
        self._check_documents()
        self._issue(date(2026, 12, 24), datetime(2026, 12, 24, 9, tzinfo=UTC))

        assert not InvoiceBasis.objects.filter(number=None).exists()
        self._check_documents()

    def _buy(self, seat: Membership, number: int, wanted: dict[str, object]) -> None:
        plan = make_plan(
            make_service(slug=f"s{number}", name=f"Tjänst {number}"), code=f"p{number}",
            interval=str(wanted["interval"]), price=str(wanted["price"]),
        )  # fmt: skip
        Plan.objects.filter(pk=plan.pk).update(currency=str(wanted["currency"]))
        plan.refresh_from_db()
        subscription = buy(seat, plan, quantity=int(str(wanted["quantity"])), now=NOW).subscription
        if wanted["later"] not in {None, wanted["quantity"]}:
            set_seats(subscription, int(str(wanted["later"])), now=NOW + timedelta(days=3))

    def _issue(self, as_of: date, at: datetime) -> None:
        run = prepare_run(as_of=as_of, actor=ANNA, now=at)
        if run is not None:
            approve_run(run=run, preview_sha256=run.preview_sha256, actor=BO, now=at)
            work_run(run=run, actor=SYSTEM, now=at)

    def _check_documents(self) -> None:
        issued = InvoiceBasis.objects.exclude(number=None).order_by("number")
        assert [basis.number for basis in issued] == list(range(1, len(issued) + 1))
        for basis in InvoiceBasis.objects.order_by("pk"):
            page = get_basis_page(basis)
            assert {line.plan.currency for line in page.lines} == {basis.currency}
            assert sum(line.net_cents for line in page.lines) == basis.net_cents
            if basis.number is not None:
                assert hash_content(page) == basis.content_sha256
