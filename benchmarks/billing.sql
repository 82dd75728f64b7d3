-- The yardstick of benchmarks/billing.py: the rows of a renewal run, by set-based SQL in one
-- transaction. It knows only what the benchmark's data needs: no parked customers, no catching up,
-- no plans that change, no approval.
CREATE TEMP TABLE due ON COMMIT DROP AS
SELECT s.id, s.payer_id, s.plan_id, s.quantity, s.billed_through AS starts, price.id AS price_id,
       price.unit_price, service.name || ', ' || plan.name AS text,
       (s.billed_through + CASE plan.interval WHEN 'month' THEN interval '1 month'
            WHEN 'quarter' THEN interval '3 months' ELSE interval '1 year' END)::date AS ends,
       round(price.unit_price * s.quantity * 100)::bigint AS net,
       row_number() OVER (PARTITION BY s.payer_id ORDER BY s.id) AS position
FROM billing_subscription s
JOIN billing_plan plan ON plan.id = s.plan_id
JOIN services_service service ON service.id = plan.service_id
JOIN LATERAL (
    SELECT id, unit_price FROM billing_price
    WHERE plan_id = plan.id AND existing_from <= s.billed_through
    ORDER BY valid_from DESC LIMIT 1
) price ON true
WHERE s.billed_through <= '2026-11-25' AND s.ended_on IS NULL AND EXISTS (
    SELECT 1 FROM billing_renewalnotice notice
    WHERE notice.subscription_id = s.id AND notice.renews_on = s.billed_through
      AND notice.sent_at < '2026-11-19 00:00 Europe/Stockholm'
);

CREATE TEMP TABLE totals ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, payer_id, net, vat, round((net + vat) / 100.0) * 100 AS payable,
       row_number() OVER (ORDER BY payer_id) AS number
FROM (
    SELECT payer_id, sum(net) AS net, round(sum(net) * 0.25)::bigint AS vat
    FROM due GROUP BY payer_id
) sums;
CREATE INDEX ON totals (payer_id);

INSERT INTO billing_billingrun (id, as_of, state, made_at, made_by, preview_sha256, approved_by,
    started_at, started_by, billed_sha256)
VALUES ('00000000-0000-0000-0000-000000000001', '2026-11-25', 'billed', now(), '', '', '', now(), '', '');

INSERT INTO billing_invoicebasis (id, company_id, billing_date, currency, split_by, po_number, run_id,
    kind, state, series, number, seller_snapshot, customer_snapshot, net_cents, vat_cents,
    rounding_cents, payable_cents, fx_source, held_for, body_sha256, content_sha256, created_at)
SELECT t.id, t.payer_id, '2026-11-25', 'SEK', '', '', '00000000-0000-0000-0000-000000000001',
    'invoice', 'draft', '', NULL, to_jsonb(seller), to_jsonb(customer), t.net, t.vat,
    t.payable - t.net - t.vat, t.payable, '', '', '', '', now()
FROM totals t
CROSS JOIN (SELECT name, org_number, vat_number, street, postcode, city, country, email, bankgiro,
            payment_days, series_prefix FROM billing_seller) seller
JOIN LATERAL (
    SELECT name, org_number, vat_number, country, invoice_recipient AS recipient,
           invoice_street AS street, invoice_postcode AS postcode, invoice_city AS city,
           invoice_country, invoice_email AS email, invoice_reference AS reference
    FROM companies_company WHERE id = t.payer_id
) customer ON true;

INSERT INTO billing_basisline (id, basis_id, position, subscription_id, term, plan_id, price_id, reason,
    period_start, period_end, anchored_start, anchored_end, quantity, unit_price, net_cents,
    vat_category, vat_rate, text, cause, cause_on, run_id)
SELECT gen_random_uuid(), t.id, d.position, d.id, 0, d.plan_id, d.price_id, 'renewal', d.starts, d.ends,
    d.starts, d.ends, d.quantity, d.unit_price, d.net, 'standard', 25, d.text, 'renewal', d.starts,
    '00000000-0000-0000-0000-000000000001'
FROM due d JOIN totals t USING (payer_id);

INSERT INTO billing_vattotal (basis_id, category, rate, base_cents, vat_cents)
SELECT id, 'standard', 25, net, vat FROM totals;

UPDATE billing_subscription s
SET billed_through = d.ends, price_id = d.price_id, paid_quantity = d.quantity
FROM due d WHERE d.id = s.id;

CREATE TEMP TABLE told ON COMMIT DROP AS
SELECT nextval(pg_get_serial_sequence('auditlog_event', 'id')) AS id, t.payer_id,
       jsonb_build_object('basis', t.id, 'net_cents', t.net, 'periods', d.count, 'through', d.through)
           AS data
FROM totals t
JOIN (
    SELECT payer_id, count(*) AS count, jsonb_object_agg(id, ends) AS through FROM due GROUP BY 1
) d USING (payer_id)
ORDER BY t.payer_id;

INSERT INTO auditlog_event (id, uid, action, schema_version, outcome, retention, occurred_at,
    actor_kind, actor_id, company_id, target_kind, target_id, data, request_id)
SELECT id, gen_random_uuid(), 'subscription.renewed', 1, 'success', 'm', now(), 'system', '', payer_id,
    'company', payer_id, data, ''
FROM told;

INSERT INTO auditlog_eventpersonal (event_id, actor_label, target_label, user_agent, data)
SELECT told.id, 'benchmark', company.name, '', '{}'
FROM told JOIN companies_company company ON company.id = told.payer_id;

INSERT INTO auditlog_eventaudience (company_id, event_id) SELECT payer_id, id FROM told;

INSERT INTO billing_numberseries (code, last) SELECT 'U2026', count(*) FROM totals;

UPDATE billing_invoicebasis basis
SET series = 'U2026', number = t.number, state = 'approved', approved_at = now(),
    content_sha256 = encode(sha256(convert_to(basis.id || ' U2026-' || t.number, 'UTF8')), 'hex')
FROM totals t WHERE t.id = basis.id;
