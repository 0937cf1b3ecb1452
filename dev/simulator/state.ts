import type { ParameterizedContext } from 'koa';
import type { Account } from './account.ts';
import type { Faults } from './faults.ts';
import { notFound } from './problem.ts';
import type { RequestLog } from './requestLog.ts';

/** Everything that a running simulator knows. Tests may read and change it directly. */
export interface SimulatorState {
  readonly account: Account;
  readonly actions: Action[];
  /** What happens by itself, each once it is due, that no action stands for. */
  transitions: Transition[];
  readonly faults: Faults;
  readonly requests: RequestLog;
  readonly settings: Settings;
  readonly token: string;
  readonly spacesKey: string;
  /** Ids of droplets, images, records and actions that are made while it runs. */
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

/** An action of a droplet or a volume. It is finished by the first request that comes after `dueAt`. */
export interface Action {
  readonly id: number;
  readonly type: string;
  readonly resourceType: 'droplet' | 'volume';
  /** A droplet's number as text, or a volume's UUID. */
  readonly resourceId: string;
  readonly regionSlug: string;
  readonly startedAt: Date;
  /** Null where it never ends by itself. */
  readonly dueAt: Date | null;
  readonly ending: ActionEnding;
  readonly apply: () => void;
  status: 'in-progress' | 'completed' | 'errored';
  completedAt: Date | null;
}

/** How an action ends: as it should, as `errored` without effect, as `completed` without effect, or never. */
export type ActionEnding = 'completes' | 'errors' | 'lies' | 'hangs';

export interface Transition {
  readonly dueAt: Date;
  readonly apply: () => void;
}

/** What the fault middleware tells the routes about one request. */
export interface RequestState {
  /** The list as if its first entry were not there. */
  hidesFirst?: boolean;
  /** Entries left off the end of the page, with `meta.total` unchanged. */
  missing?: number;
  /** What becomes of an action posted now, or of something made now. */
  ending?: ActionEnding;
  /** How long it takes, where that isn't the usual time. */
  actionMilliseconds?: number;
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
