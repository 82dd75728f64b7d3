-- All customers of benchmarks/billing.py but the first, which the models have made: each is a copy of
-- it with keys, names, seats and days of its own. Keys are made of numbers, so that no row has to
-- look for another; what isn't named here is as with the first customer.
SET LOCAL work_mem = '256MB';
SET LOCAL session_replication_role = replica;  -- the rows are right as they are made

CREATE FUNCTION pg_temp.pick(choices int[], seed text) RETURNS int LANGUAGE sql IMMUTABLE AS
    'SELECT choices[1 + (hashtext(seed) & 65535) % array_length(choices, 1)]';

-- What of a table's row differs from customer to customer; n is the customer's number.
CREATE TEMP TABLE differs (of text, name text, value text) ON COMMIT DROP;
INSERT INTO differs VALUES
    ('accounts_user', 'id', $$md5('u' || n)::uuid$$),
    ('accounts_user', 'sub', $$md5('b' || n)::uuid$$),
    ('accounts_user', 'email', $$'p' || n || '@exempel.se'$$),
    ('accounts_user', 'full_name', $$'Pia Person ' || n$$),
    ('companies_company', 'id', $$md5('c' || n)::uuid$$),
    ('companies_company', 'name', $$'Bolag ' || n || ' AB'$$),
    ('companies_company', 'org_number', $$(5560000000 + n)::text$$),
    ('companies_company', 'vat_number', $$'SE' || (5560000000 + n) || '01'$$),
    ('companies_company', 'invoice_recipient', $$'Bolag ' || n || ' AB'$$),
    ('companies_company', 'invoice_street', $$'Storgatan ' || n % 200$$),
    ('companies_company', 'invoice_email', $$'faktura' || n || '@exempel.se'$$),
    ('companies_company', 'main_contact_id', $$md5('m' || n)::uuid$$),
    ('companies_membership', 'id', $$md5('m' || n)::uuid$$),
    ('companies_membership', 'company_id', $$md5('c' || n)::uuid$$),
    ('companies_membership', 'user_id', $$md5('u' || n)::uuid$$),
    ('companies_rolegrant', 'id', $$md5('r' || n)::uuid$$),
    ('companies_rolegrant', 'membership_id', $$md5('m' || n)::uuid$$),
    ('services_entitlement', 'id', $$md5('e' || n || first.service_id)::uuid$$),
    ('services_entitlement', 'company_id', $$md5('c' || n)::uuid$$),
    ('services_entitlement', 'seat_limit',
        $$pg_temp.pick('{1,1,2,3,5,8,20}', n || 'seats' || first.service_id)$$),
    ('billing_subscription', 'id', $$md5('s' || n || first.plan_id)::uuid$$),
    ('billing_subscription', 'company_id', $$md5('c' || n)::uuid$$),
    ('billing_subscription', 'payer_id', $$md5('c' || n)::uuid$$),
    ('billing_subscription', 'entitlement_id', $$(SELECT md5('e' || n || service_id)::uuid
        FROM billing_plan WHERE id = first.plan_id)$$),
    ('billing_subscription', 'quantity', $$(SELECT pg_temp.pick('{1,1,2,3,5,8,20}',
        n || 'seats' || service_id) FROM billing_plan WHERE id = first.plan_id)$$),
    ('billing_subscription', 'paid_quantity', $$(SELECT pg_temp.pick('{1,1,2,3,5,8,20}',
        n || 'seats' || service_id) FROM billing_plan WHERE id = first.plan_id)$$),
    ('billing_subscription', 'billed_through',
        $$first.billed_through - pg_temp.pick('{0,0,0,1,2}', n || 'day' || first.plan_id)$$),
    ('billing_subscription', 'anchor',
        $$first.anchor - pg_temp.pick('{0,0,0,1,2}', n || 'day' || first.plan_id)$$),
    ('billing_subscription', 'bought_on',
        $$first.bought_on - pg_temp.pick('{0,0,0,1,2}', n || 'day' || first.plan_id)$$);

DO $do$
DECLARE
    place text;
    names text;
    shown text;
BEGIN
    FOREACH place IN ARRAY ARRAY['accounts_user', 'companies_company', 'companies_membership',
        'companies_rolegrant', 'services_entitlement', 'billing_subscription']
    LOOP
        SELECT string_agg(quote_ident(column_name), ', '),
               string_agg(coalesce(value, 'first.' || quote_ident(column_name)), ', ')
        INTO names, shown
        FROM information_schema.columns
        LEFT JOIN differs ON of = table_name AND name = column_name
        WHERE table_schema = 'public' AND table_name = place;
        EXECUTE format(
            'INSERT INTO %I (%s) SELECT %s FROM generate_series(1, %s) n CROSS JOIN LATERAL '
            '(SELECT * FROM %I OFFSET 0) first ORDER BY n',
            place, names, shown, current_setting('bench.others'), place
        );
    END LOOP;
END $do$;

INSERT INTO billing_renewalnotice (subscription_id, renews_on, days_ahead, quantity, net_cents, told,
    sent_at)
SELECT s.id, s.billed_through, first.days_ahead, s.quantity, first.net_cents,
    jsonb_build_array(membership.user_id), first.sent_at
FROM (
    SELECT notice.*, subscription.plan_id
    FROM billing_renewalnotice notice
    JOIN billing_subscription subscription ON subscription.id = notice.subscription_id
) first
JOIN billing_subscription s ON s.plan_id = first.plan_id AND s.id <> first.subscription_id
JOIN companies_company company ON company.id = s.company_id
JOIN companies_membership membership ON membership.id = company.main_contact_id;
