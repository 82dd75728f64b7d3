"""Keep two rules in the database itself, whatever code writes, and whoever writes at once.

An open company always has an owner for good, and its one main contact is a member of it who is
neither suspended nor about to leave. PostgreSQL looks at the commit and takes the company's row
first, so that two transactions that each take away "the other" owner queue up and the second one is
refused. Rows are ended, not deleted; retention may delete them through the same gate as the log's
(auditlog 0002).

SQLite can't rebuild a table that another table's trigger names, so that its triggers come and go
with each `migrate`: see companies/models/sqlite.py.
"""

from django.db import migrations

POSTGRESQL = """
CREATE FUNCTION companies_check(checked uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever comes second waits here, and then sees what the first one wrote.
    PERFORM FROM companies_company WHERE id = checked AND closed_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    IF NOT EXISTS (
        SELECT FROM companies_membership AS member
        JOIN companies_rolegrant AS held ON held.membership_id = member.id
        WHERE member.company_id = checked AND member.valid_until IS NULL
          AND member.suspended_at IS NULL AND held.role = 'owner' AND held.valid_until IS NULL
    ) THEN
        RAISE EXCEPTION 'an open company always has an owner'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'company_has_an_owner';
    END IF;
    IF NOT EXISTS (
        SELECT FROM companies_company AS company
        JOIN companies_membership AS member ON member.id = company.main_contact_id
        WHERE company.id = checked AND member.company_id = checked
          AND member.valid_until IS NULL AND member.suspended_at IS NULL
    ) THEN
        RAISE EXCEPTION 'the main contact of an open company is an active member of it'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'main_contact_is_an_active_member';
    END IF;
END $$;

CREATE FUNCTION companies_check_company() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM companies_check(NEW.id);
    RETURN NULL;
END $$;

CREATE FUNCTION companies_check_membership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('vop.retention', true) = 'on' THEN RETURN NULL; END IF;
    PERFORM companies_check(OLD.company_id);
    RETURN NULL;
END $$;

CREATE FUNCTION companies_check_grant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('vop.retention', true) = 'on' THEN RETURN NULL; END IF;
    PERFORM companies_check(company_id) FROM companies_membership WHERE id = OLD.membership_id;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER company_starts_whole AFTER INSERT ON companies_company
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION companies_check_company();
CREATE CONSTRAINT TRIGGER company_stays_whole
    AFTER UPDATE OF main_contact_id, closed_at ON companies_company
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (
        OLD.main_contact_id IS DISTINCT FROM NEW.main_contact_id
        OR OLD.closed_at IS DISTINCT FROM NEW.closed_at
    ) EXECUTE FUNCTION companies_check_company();
CREATE CONSTRAINT TRIGGER membership_leaves_company_whole
    AFTER UPDATE OF company_id, valid_until, suspended_at ON companies_membership
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (
        OLD.company_id IS DISTINCT FROM NEW.company_id
        OR OLD.valid_until IS DISTINCT FROM NEW.valid_until
        OR OLD.suspended_at IS DISTINCT FROM NEW.suspended_at
    ) EXECUTE FUNCTION companies_check_membership();
CREATE CONSTRAINT TRIGGER membership_is_ended_not_deleted AFTER DELETE ON companies_membership
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION companies_check_membership();
CREATE CONSTRAINT TRIGGER grant_leaves_company_whole
    AFTER UPDATE OF membership_id, role, valid_until OR DELETE ON companies_rolegrant
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.role = 'owner' AND OLD.valid_until IS NULL)
    EXECUTE FUNCTION companies_check_grant();
"""
POSTGRESQL_BACK = """
DROP TRIGGER grant_leaves_company_whole ON companies_rolegrant;
DROP TRIGGER membership_is_ended_not_deleted ON companies_membership;
DROP TRIGGER membership_leaves_company_whole ON companies_membership;
DROP TRIGGER company_stays_whole ON companies_company;
DROP TRIGGER company_starts_whole ON companies_company;
DROP FUNCTION companies_check_grant();
DROP FUNCTION companies_check_membership();
DROP FUNCTION companies_check_company();
DROP FUNCTION companies_check(uuid);
"""


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL)


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL_BACK)


class Migration(migrations.Migration):
    dependencies = [("companies", "0001_initial")]

    operations = [migrations.RunPython(install, remove)]
