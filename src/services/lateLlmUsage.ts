/**
 * The statement that notes late usage for gateway charges whose month has ended, by the database's clock: new ones, or newly assigned
 * ones. It belongs into the statement that changes them, so that neither can be there without the other. A month that was settled is
 * open again.
 * @param changed the name of a common table expression with `deployment_id`, `tenant_id` and `occurred_at`
 */
export const noteLateLlmUsage = (changed: 'inserted' | 'assigned'): string =>
  `insert into late_usage (deployment_id, usage_month, tenant_id, source_llm, noticed_at)
   select deployment_id, usage_month, tenant_id, true, now()
   from (select distinct deployment_id, tenant_id, date_trunc('month', occurred_at at time zone 'UTC')::date as usage_month
         from ${changed} where deployment_id is not null) as month
   where usage_month + interval '1 month' <= now() at time zone 'UTC'
   order by deployment_id, usage_month
   on conflict (deployment_id, usage_month) do update set source_llm = true, noticed_at = excluded.noticed_at, settled_at = null`;
