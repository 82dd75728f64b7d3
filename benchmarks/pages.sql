-- The companies that nobody opens: what they cost the others is what benchmarks/pages.py measures.
-- Keys are made of numbers, so that no row has to look for another; each company has %(each)s members.
SET LOCAL session_replication_role = replica;  -- the rows are right as they are made

INSERT INTO accounts_user (id, sub, email, full_name, language, is_active, is_staff, is_superuser,
    password, created_at)
SELECT md5('u' || n)::uuid, md5('s' || n)::uuid, 'p' || n || '@mass.exempel.se', 'Person ' || n, 'sv',
    true, false, false, '', %(start)s
FROM generate_series(0, %(people)s - 1) n;

INSERT INTO companies_company (id, requires_second_factor, email_domains, networks, name, country,
    org_number, vat_number, firm_kind, language, street, postcode, city, invoice_recipient,
    invoice_street, invoice_postcode, invoice_city, invoice_country, invoice_email, invoice_reference,
    invoice_delivery, e_invoice_address, register_status, main_contact_id, version, created_at)
SELECT md5('c' || n)::uuid, false, '[]', '[]', 'Massbolaget ' || n || ' AB', 'SE',
    lpad((1000000000 + n)::text, 10, '0'), '', '', 'sv', '', '', '', '', '', '', '', 'SE', '', '',
    'email', '', '', md5('m' || n || '.0')::uuid, 1, %(start)s
FROM generate_series(1, %(companies)s) n;

INSERT INTO companies_membership (id, company_id, user_id, valid_from)
SELECT md5('m' || n || '.' || k)::uuid, md5('c' || n)::uuid,
    md5('u' || (n * (%(each)s - 1) + k) %% %(people)s)::uuid, %(start)s
FROM generate_series(1, %(companies)s) n, generate_series(0, %(each)s - 1) k;

INSERT INTO companies_rolegrant (id, membership_id, role, valid_from)
SELECT md5('r' || n || '.' || k)::uuid, md5('m' || n || '.' || k)::uuid,
    CASE k WHEN 0 THEN 'owner' WHEN 1 THEN 'admin' ELSE 'member' END, %(start)s
FROM generate_series(1, %(companies)s) n, generate_series(0, %(each)s - 1) k;

INSERT INTO services_entitlement (id, company_id, service_id, seat_limit, valid_from)
SELECT md5('e' || n)::uuid, md5('c' || n)::uuid, %(service)s, 5, %(start)s
FROM generate_series(1, %(companies)s) n;

INSERT INTO services_seat (id, entitlement_id, membership_id, role_id, valid_from)
SELECT md5('t' || n || '.' || k)::uuid, md5('e' || n)::uuid, md5('m' || n || '.' || k)::uuid, %(role)s,
    %(start)s
FROM generate_series(1, %(companies)s) n, generate_series(0, 1) k;
