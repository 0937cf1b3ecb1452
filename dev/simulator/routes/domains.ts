import type { Router } from '@koa/router';
import { addRecord, fullName, wireRecord } from '../domainRecords.ts';
import { listAnswer } from '../paging.ts';
import { found, integerParameter, type RequestState, type SimulatorState } from '../state.ts';

/** Domains, which are only read, and their records: list by full name and type, get, create and destroy. */
export function addDomainRoutes(router: Router<RequestState>, state: SimulatorState): void {
  const { account } = state;
  const domainOf = (name: string | undefined) =>
    found(account.domains.find((domain) => domain.name === name));
  const recordsOf = (domain: string) => account.domainRecords.filter((record) => record.domain === domain);
  const recordOf = (domain: string | undefined, id: string | undefined) =>
    found(recordsOf(domainOf(domain).name).find((record) => record.id === integerParameter(id)));

  router.get('/v2/domains', (ctx) => {
    ctx.body = listAnswer(ctx, 'domains', account.domains);
  });

  router.get('/v2/domains/:name', (ctx) => {
    ctx.body = { domain: domainOf(ctx.params['name']) };
  });

  router.get('/v2/domains/:name/records', (ctx) => {
    const { name, type } = ctx.query;
    const listed = recordsOf(domainOf(ctx.params['name']).name).filter(
      (record) =>
        (name === undefined || fullName(record) === name) && (type === undefined || record.type === type),
    );
    ctx.body = listAnswer(ctx, 'domain_records', listed.map(wireRecord));
  });

  router.get('/v2/domains/:name/records/:id', (ctx) => {
    ctx.body = { domain_record: wireRecord(recordOf(ctx.params['name'], ctx.params['id'])) };
  });

  router.post('/v2/domains/:name/records', (ctx) => {
    const record = addRecord(state, domainOf(ctx.params['name']).name, ctx.request.body ?? {});
    ctx.status = 201;
    ctx.body = { domain_record: wireRecord(record) };
  });

  router.delete('/v2/domains/:name/records/:id', (ctx) => {
    const record = recordOf(ctx.params['name'], ctx.params['id']);
    account.domainRecords.splice(account.domainRecords.indexOf(record), 1);
    ctx.status = 204;
  });
}
