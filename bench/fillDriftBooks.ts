import type pg from 'pg';

export const provider = 'digitalocean';

/**
 * Droplets with what the provider says of one, a spec of each, the invoice of a month with a line of each, and sizes with prices. Of a
 * hundred droplets one is not of the size that was asked for.
 */
export async function fillDriftBooks(admin: pg.Client, resources: number): Promise<void> {
  await admin.query(
    `insert into provider_sizes (provider, slug, vcpus, memory_mib, disk_gib, price_monthly, currency, regions, is_available, seen_at)
     select $1, 's-' || n, n, 1024 * n, 25 * n, 6 * n, 'USD', '["syd1"]', true, now() from generate_series(1, 100) n`,
    [provider],
  );
  await admin.query(
    `insert into cloud_resources (provider, kind, external_id, name, region, size_slug, status, tags, price_monthly, currency,
       attributes, created_at, first_seen_at, last_seen_at)
     select $1, 'droplet', (400000000 + n)::text, 'web-' || n, 'syd1', case when n % 100 = 0 then 's-4' else 's-2' end, 'active',
       jsonb_build_array('env:production', 'team:' || n % 50), 12, 'USD',
       jsonb_build_object('vcpus', 2, 'memory', 2048, 'disk', 50, 'locked', false, 'image_id', 195881591,
         'image_slug', 'debian-12-x64', 'image_name', '12 x64', 'vpc_uuid', '5a4981aa-9653-4bd1-bef5-d6bff52042e4',
         'features', '["monitoring", "droplet_agent", "private_networking"]'::jsonb, 'backups_enabled', false,
         'volume_ids', '[]'::jsonb, 'snapshot_ids', '[]'::jsonb, 'backup_ids', '[]'::jsonb,
         'public_ipv4', jsonb_build_array('203.0.' || n / 256 % 256 || '.' || n % 256), 'public_ipv6', '[]'::jsonb),
       now(), now(), now()
     from generate_series(1, $2::int) n`,
    [provider, resources],
  );
  await admin.query(
    `insert into cloud_provisioned (resource_id, provider, kind, spec, spec_version, recorded_by, recorded_at)
     select id, provider, kind, jsonb_build_object('name', name, 'region', region, 'size_slug', 's-2', 'tags', tags) || (
       select jsonb_object_agg(key, value) from jsonb_each(attributes)
       where key in ('image_id', 'vpc_uuid', 'backups_enabled', 'volume_ids')), 1, 'bench', now()
     from cloud_resources`,
  );
  await admin.query(
    `with invoice as (
       insert into cloud_invoices (provider, invoice_uuid, period_start, issued_at, amount, currency, ingest_status, version, discovered_at)
       values ($1, 'bench', '2026-04-01', now(), 0, 'USD', 'ingested', 1, now()) returning id
     ), version as (
       insert into cloud_invoice_versions (invoice_id, version, amount, currency, line_count, checksum, items_checksum, ingested_at)
       select id, 1, 0, 'USD', 0, '', '', now() from invoice returning id, invoice_id
     )
     insert into cloud_cost_lines (invoice_id, version_id, line_number, period_start, product, group_description, description,
       charge_start, charge_end, billed_cost, currency, line_class, kind, resource_name, resource_id, match_outcome, match_reason, extra)
     select version.invoice_id, version.id, row_number() over (), '2026-04-01', 'Droplets', '', name, '2026-04-01', '2026-05-01', 12,
       'USD', 'resource', 'droplet', name, resource.id, 'resource_id', 'bench', '{}'
     from version, cloud_resources resource`,
    [provider],
  );
  await admin.query(
    `insert into cloud_inventory_listings (provider, kind, state, attempted_at, complete_at, live)
     values ($1, 'droplet', 'fresh', now(), now(), $2)`,
    [provider, resources],
  );
  await admin.query('vacuum analyze');
  await admin.query('checkpoint');
}
