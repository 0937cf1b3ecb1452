import { livesByName, spans } from './meteredSpans.ts';

/** One for each domain that is in a deployment at the day's end; on the running day, now. */
export const dnsZones = `
  ${livesByName('domain')},
  ${spans},
  computed as (
    select span.tenant_id, span.deployment_id, span.resource_id, day.day, 1 as quantity
    from span join day on span.starts_at < day.ends_at and span.ends_at >= day.ends_at
    where span.starts_at < span.ends_at
  )`;
