import { livesById, seconds, spans } from './meteredSpans.ts';

/** Seconds that each droplet lived in a deployment, whatever its size and power state. */
export const dropletHours = `
  ${livesById('droplet')},
  ${spans},
  computed as (
    select span.tenant_id, span.deployment_id, span.resource_id, day.day,
      sum(${seconds('greatest(span.starts_at, day.starts_at)', 'least(span.ends_at, day.ends_at)')}) as quantity
    from span join day on span.starts_at < day.ends_at and span.ends_at > day.starts_at
    where span.starts_at < span.ends_at
    group by 1, 2, 3, 4
  )`;
