import * as z from 'zod';

const milliseconds = z.int().min(0).max(3_600_000);
const cents = z.string().regex(/^-?\d+\.\d{2}$/, 'a decimal string with two places, such as "0.01"');

/** What can go wrong with one answer. Amounts are decimal strings in USD. */
export const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('rate_limit'), retryAfterSeconds: z.int().min(0).default(1) }),
  z.strictObject({ kind: z.literal('server_error'), status: z.int().min(500).max(599).default(500) }),
  /** The answer comes after `ms`, or never. */
  z.strictObject({ kind: z.literal('stall'), ms: milliseconds.optional() }),
  /** The answer comes once the rule is removed. */
  z.strictObject({ kind: z.literal('hold') }),
  /** The connection is cut before anything is done. */
  z.strictObject({ kind: z.literal('reset') }),
  /** The work is done, then the connection is cut. */
  z.strictObject({ kind: z.literal('lost_answer') }),
  /** The CSV ends in the middle of a row, or after `keepBytes`. */
  z.strictObject({ kind: z.literal('truncated_csv'), keepBytes: z.int().min(0).optional() }),
  z.strictObject({ kind: z.literal('truncated_json') }),
  /** 200 with an HTML page, as a proxy or a login page would answer. */
  z.strictObject({ kind: z.literal('html_page') }),
  /** 200 with no body at all. */
  z.strictObject({ kind: z.literal('empty') }),
  /** The first JSON item of an invoice differs from the CSV by `delta`. */
  z.strictObject({ kind: z.literal('items_disagree'), delta: cents.default('0.01') }),
  /** The summary's amount differs from the lines by `delta`. */
  z.strictObject({ kind: z.literal('summary_disagrees'), delta: cents.default('0.01') }),
  /** After the first page was read, the list's first entry goes away, or a new one comes before all others. */
  z.strictObject({ kind: z.literal('shifting_pages'), change: z.enum(['remove', 'insert']) }),
  /** Each page lacks its last `missing` entries, while `meta.total` still counts them. */
  z.strictObject({ kind: z.literal('partial_listing'), missing: z.int().min(1).default(1) }),
  /** The request is refused with the provider's words, and nothing is done. */
  z.strictObject({
    kind: z.literal('refuse'),
    status: z.union([z.literal(403), z.literal(409), z.literal(422)]).default(422),
    message: z.string().default('The request was refused.'),
  }),
  /** An action ends as `errored`, without effect; a load balancer or a firewall's change, too. */
  z.strictObject({ kind: z.literal('action_errors') }),
  /** An action ends as `completed`, without effect. */
  z.strictObject({ kind: z.literal('action_lies') }),
  /** An action is in progress for `ms`, or never ends by itself; its droplet takes no other meanwhile. */
  z.strictObject({ kind: z.literal('action_hangs'), ms: milliseconds.optional() }),
]);

/**
 * A rule: which requests, what happens to them, how often. Without `match` every request fits; `path` is a regular expression on the
 * path (without query), `body` one on the body's JSON, `type` the type that the body names (`resize`). `skip` lets so many fitting
 * requests pass first. `times` is 1 unless given, and null means until the rule is removed; a shifting_pages rule shifts once and
 * ignores it.
 */
export const ruleSchema = z.strictObject({
  match: z
    .strictObject({
      method: z.string().toUpperCase().optional(),
      path: z.string().refine(isRegExp).optional(),
      type: z.string().optional(),
      body: z.string().refine(isRegExp).optional(),
    })
    .default({}),
  fault: faultSchema,
  skip: z.int().min(0).default(0),
  times: z.int().min(1).nullable().default(1),
});

export type Fault = z.output<typeof faultSchema>;
export type FaultRuleInput = z.input<typeof ruleSchema>;
export type FaultRule = z.output<typeof ruleSchema> & {
  readonly id: number;
  /** Fitting requests that passed because of `skip`. */
  skipped: number;
  /** Requests that it was applied to. */
  hits: number;
};

/** What a rule looks at. */
export interface FaultyRequest {
  readonly method: string;
  readonly path: string;
  /** As it was parsed. */
  readonly body: unknown;
}

/** Paths where a fault makes sense, for a rule that names none. */
const defaultPaths: Partial<Record<Fault['kind'], RegExp>> = {
  truncated_csv: /\/csv$/,
  items_disagree: /^\/v2\/customers\/my\/invoices\/[^/]+$/,
  summary_disagrees: /\/summary$/,
  action_errors: /\/actions$/,
  action_lies: /\/actions$/,
  action_hangs: /\/actions$/,
};

/** The faults on demand. The first rule that fits a request and is not used up is applied, one a request. */
export class Faults {
  #rules: FaultRule[] = [];
  #nextId = 1;
  readonly #removals = new Map<number, PromiseWithResolvers<void>>();

  /** Adds a rule; throws a ZodError that names each invalid field. */
  add(input: FaultRuleInput): FaultRule {
    const rule = { ...ruleSchema.parse(input), id: this.#nextId, skipped: 0, hits: 0 };
    this.#nextId += 1;
    this.#rules.push(rule);
    this.#removals.set(rule.id, Promise.withResolvers());
    return rule;
  }

  /** Removes one rule. Returns whether it was there. */
  remove(id: number): boolean {
    const before = this.#rules.length;
    this.#rules = this.#rules.filter((rule) => rule.id !== id);
    this.#removals.get(id)?.resolve();
    this.#removals.delete(id);
    return this.#rules.length < before;
  }

  clear(): void {
    for (const { id } of this.#rules) this.remove(id);
  }

  /** Comes back once a rule is removed. */
  async removed({ id }: FaultRule): Promise<void> {
    await this.#removals.get(id)?.promise;
  }

  /** All rules, used up ones too, with their hits. */
  list(): readonly FaultRule[] {
    return this.#rules;
  }

  /** The rule for this request, counted as applied; undefined where none fits. */
  take(request: FaultyRequest): FaultRule | undefined {
    for (const rule of this.#rules) {
      if (!fits(rule, request) || isUsedUp(rule)) continue;
      if (rule.skipped < rule.skip) {
        rule.skipped += 1;
        continue;
      }
      rule.hits += 1;
      return rule;
    }
    return undefined;
  }
}

function fits(rule: FaultRule, { method, path, body }: FaultyRequest): boolean {
  const { type }: { type?: unknown } = body ?? {};
  if (rule.match.method !== undefined && rule.match.method !== method) return false;
  if (rule.match.type !== undefined && rule.match.type !== type) return false;
  if (rule.match.body !== undefined && !new RegExp(rule.match.body).test(JSON.stringify(body ?? {})))
    return false;
  const pattern = rule.match.path === undefined ? defaultPaths[rule.fault.kind] : new RegExp(rule.match.path);
  return pattern === undefined || pattern.test(path);
}

function isUsedUp(rule: FaultRule): boolean {
  return rule.fault.kind !== 'shifting_pages' && rule.times !== null && rule.hits >= rule.times;
}

function isRegExp(pattern: string): boolean {
  try {
    new RegExp(pattern);
    return true;
  } catch {
    return false;
  }
}
