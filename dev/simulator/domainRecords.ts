import type { DomainRecord } from './account.ts';
import { takeId } from './actions.ts';
import { unprocessable } from './problem.ts';
import type { SimulatorState } from './state.ts';

/** The body of `POST /v2/domains/:name/records`, as far as it is read. */
export interface RecordRequest {
  readonly type?: unknown;
  readonly name?: unknown;
  readonly data?: unknown;
  readonly ttl?: unknown;
}

const types = ['A', 'AAAA', 'CNAME', 'TXT', 'NS'];

/** Makes a record, or refuses with a 422. A name that it points to is written with its final dot and listed without. */
export function addRecord(state: SimulatorState, domain: string, request: RecordRequest): DomainRecord {
  const { type, name, data, ttl } = request;
  if (typeof type !== 'string' || !types.includes(type)) throw unprocessable(`Type must be one of ${types}.`);
  if (typeof name !== 'string' || name === '') throw unprocessable("Name can't be blank.");
  if (typeof data !== 'string' || data === '') throw unprocessable("Data can't be blank.");
  const isName = type === 'CNAME' || type === 'NS';
  if (isName && data !== '@' && !data.endsWith('.')) throw unprocessable('Data needs to end with a dot (.)');
  const record: DomainRecord = {
    domain,
    id: takeId(state),
    type,
    name,
    data: isName ? data.replace(/\.$/, '') : data,
    priority: null,
    port: null,
    ttl: typeof ttl === 'number' ? ttl : 1800,
    weight: null,
    flags: null,
    tag: null,
  };
  state.account.domainRecords.push(record);
  return record;
}

/** The full name of a record, as the list's filter takes it. */
export function fullName({ name, domain }: DomainRecord): string {
  return name === '@' ? domain : `${name}.${domain}`;
}

export function wireRecord({ domain: _domain, ...record }: DomainRecord): object {
  return record;
}
