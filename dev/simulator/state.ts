import type { ParameterizedContext } from 'koa';
import type { Account } from './account.ts';
import type { Faults } from './faults.ts';
import { notFound } from './problem.ts';
import type { RequestLog } from './requestLog.ts';

/** Everything that a running simulator knows. Tests may read and change it directly. */
export interface SimulatorState {
  readonly account: Account;
  readonly actions: Action[];
  readonly faults: Faults;
  readonly requests: RequestLog;
  readonly settings: Settings;
  readonly token: string;
  readonly spacesKey: string;
  /** Ids of droplets, images and actions that are made while it runs. */
  nextId: number;
}

export interface Settings {
  /** How long an action stays `in-progress`. */
  actionMilliseconds: number;
  /** Added to every answer. */
  delayMilliseconds: number;
  /** Readings of metrics are served only when they are this old. */
  metricLagSeconds: number;
}

/** An action of a droplet. It is finished by the first request that comes after `dueAt`. */
export interface Action {
  readonly id: number;
  readonly type: string;
  readonly dropletId: number;
  readonly regionSlug: string;
  readonly startedAt: Date;
  readonly dueAt: Date;
  /** Ends as `errored`, without effect. */
  readonly fails: boolean;
  readonly apply: () => void;
  status: 'in-progress' | 'completed' | 'errored';
}

/** What the fault middleware tells the routes about one request. */
export interface RequestState {
  /** The list as if its first entry were not there. */
  hidesFirst?: boolean;
  /** Entries left off the end of the page, with `meta.total` unchanged. */
  missing?: number;
  /** An action posted now ends as `errored`. */
  actionFails?: boolean;
}

export type Context = ParameterizedContext<RequestState>;

/** A path parameter as an integer id; anything else is no id of anything. */
export function integerParameter(value: string | undefined): number {
  if (value === undefined || !/^\d{1,15}$/.test(value)) throw notFound();
  return Number(value);
}

/** The entry that fits, or 404. */
export function found<Entry>(entry: Entry | undefined): Entry {
  if (entry === undefined) throw notFound();
  return entry;
}
