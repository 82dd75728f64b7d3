"""How SQLite keeps the rules of companies/migrations/0002_never_without_owner.py.

It has one writer at a time and no deferred triggers, so it looks at each statement; that a new
company has an owner it can't see, because the company comes first. `migrate` takes the triggers
down before it works and puts them up after it: SQLite can't rebuild a table while another table's
trigger names it.
"""

from typing import Final

NO_OWNER: Final = "an open company always has an owner"
NO_CONTACT: Final = "the main contact of an open company is an active member of it"

_HAS_OWNER = """
EXISTS (
    SELECT 1 FROM companies_membership AS member
    JOIN companies_rolegrant AS held ON held.membership_id = member.id
    WHERE member.company_id = {company} AND member.valid_until IS NULL
      AND member.suspended_at IS NULL AND held.role = 'owner' AND held.valid_until IS NULL
)
"""
_IS_OPEN = "EXISTS (SELECT 1 FROM companies_company WHERE id = {company} AND closed_at IS NULL)"
_OF_GRANT = "(SELECT company_id FROM companies_membership WHERE id = OLD.membership_id)"
_TRIGGERS: Final = {
    "company_stays_whole": f"""
AFTER UPDATE OF main_contact_id, closed_at ON companies_company WHEN NEW.closed_at IS NULL BEGIN
    SELECT RAISE(ABORT, '{NO_OWNER}') WHERE NOT {_HAS_OWNER.format(company="NEW.id")};
    SELECT RAISE(ABORT, '{NO_CONTACT}') WHERE NOT EXISTS (
        SELECT 1 FROM companies_membership WHERE id = NEW.main_contact_id
        AND company_id = NEW.id AND valid_until IS NULL AND suspended_at IS NULL);
END
""",  # noqa: S608 (made of constants)
    "membership_starts_as_main_contact": f"""
AFTER INSERT ON companies_membership BEGIN
    SELECT RAISE(ABORT, '{NO_CONTACT}') WHERE EXISTS (
        SELECT 1 FROM companies_company WHERE main_contact_id = NEW.id AND closed_at IS NULL
        AND (id <> NEW.company_id
             OR NEW.valid_until IS NOT NULL OR NEW.suspended_at IS NOT NULL));
END
""",  # noqa: S608 (made of constants)
    "company_starts_with_a_contact": f"""
AFTER INSERT ON companies_company BEGIN
    SELECT RAISE(ABORT, '{NO_CONTACT}') WHERE EXISTS (
        SELECT 1 FROM companies_membership WHERE id = NEW.main_contact_id
        AND (company_id <> NEW.id OR valid_until IS NOT NULL OR suspended_at IS NOT NULL));
END
""",  # noqa: S608 (made of constants)
    "membership_leaves_company_whole": f"""
AFTER UPDATE OF company_id, valid_until, suspended_at ON companies_membership
WHEN {_IS_OPEN.format(company="OLD.company_id")} BEGIN
    SELECT RAISE(ABORT, '{NO_OWNER}') WHERE NOT {_HAS_OWNER.format(company="OLD.company_id")};
    SELECT RAISE(ABORT, '{NO_CONTACT}') WHERE EXISTS (
        SELECT 1 FROM companies_company WHERE main_contact_id = NEW.id AND closed_at IS NULL
        AND (id <> NEW.company_id
             OR NEW.valid_until IS NOT NULL OR NEW.suspended_at IS NOT NULL));
END
""",  # noqa: S608 (made of constants)
    "grant_leaves_company_whole": f"""
AFTER UPDATE OF membership_id, role, valid_until ON companies_rolegrant
WHEN OLD.role = 'owner' AND OLD.valid_until IS NULL AND {_IS_OPEN.format(company=_OF_GRANT)} BEGIN
    SELECT RAISE(ABORT, '{NO_OWNER}') WHERE NOT {_HAS_OWNER.format(company=_OF_GRANT)};
END
""",
    "grant_is_ended_not_deleted": f"""
AFTER DELETE ON companies_rolegrant
WHEN OLD.role = 'owner' AND OLD.valid_until IS NULL AND vop_retention() <> 1
     AND {_IS_OPEN.format(company=_OF_GRANT)} BEGIN
    SELECT RAISE(ABORT, '{NO_OWNER}') WHERE NOT {_HAS_OWNER.format(company=_OF_GRANT)};
END
""",
}


SET_UP: Final = [
    f"CREATE TRIGGER IF NOT EXISTS companies_{name} {body}" for name, body in _TRIGGERS.items()
]
TAKE_DOWN: Final = [f"DROP TRIGGER IF EXISTS companies_{name}" for name in _TRIGGERS]
