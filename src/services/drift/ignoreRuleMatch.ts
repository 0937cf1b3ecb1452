/**
 * Whether a rule of `drift_ignore_rules` speaks of a drift: what it leaves open matches everything, and its field is the drift's, or
 * `missing` or `unmanaged` for these. It says nothing of whether the rule is in force.
 * @param rule the name of the rule's row in the query
 * @param drift the name of a row with the columns provider, kind, resource_id, type and field
 */
export const ignoreRuleMatches = (rule: string, drift: string) => `(
  (${rule}.provider is null or ${rule}.provider = ${drift}.provider)
  and (${rule}.kind is null or ${rule}.kind = ${drift}.kind)
  and (${rule}.resource_id is null or ${rule}.resource_id = ${drift}.resource_id)
  and (${rule}.field is null or ${rule}.field = coalesce(${drift}.field, ${drift}.type)))`;
