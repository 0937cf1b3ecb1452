import { z } from 'zod';
import type { NewDomainRecord } from '../provider.ts';
import { ProviderError } from '../providerErrors.ts';
import { readJson, whenDone } from './client.ts';
import { list, streaming } from './listing.ts';
import type { Maker } from './newResource.ts';
import { numericId, segment } from './pathSegments.ts';
import type { components } from './schema.generated.ts';
import { type Fields, text } from './wire.ts';

const record = z.object({
  id: z.int(),
  type: z.string(),
  name: text,
  data: text,
} satisfies Fields<components['schemas']['domain_record']>);

const created = z.object({ domain_record: record });

/** Records have no tags. The same name and type pointing elsewhere is somebody else's record, so the data is part of the identity. */
export const newDomainRecords: Maker<NewDomainRecord> = {
  async create({ json }, wanted, signal) {
    const domain = segment('domain', 'a domain', wanted.domain);
    const { name, type, ttl } = wanted;
    const call = json.POST('/v2/domains/{domain_name}/records', {
      params: { path: { domain_name: domain } },
      // The published schema wants the last two of TXT records, where they mean nothing.
      body: {
        type,
        name,
        data: dataToWrite(wanted),
        ttl,
        ...(type === 'TXT' ? { flags: null, tag: null } : {}),
      },
      ...streaming(signal),
    });
    const { domain_record: made } = await readJson(`the new record ${name} of ${domain}`, call, created);
    return { externalId: `${domain}/${made.id}` };
  },

  async find({ json }, wanted, signal) {
    const domain = segment('domain', 'a domain', wanted.domain);
    const { name, type, data } = wanted;
    const records = await list({
      what: `records of ${domain}`,
      key: 'domain_records',
      item: record,
      identityOf: ({ id }) => String(id),
      call: (query) =>
        json.GET('/v2/domains/{domain_name}/records', {
          params: {
            path: { domain_name: domain },
            query: { ...query, type, name: name === '@' ? domain : `${name}.${domain}` },
          },
          ...streaming(signal),
        }),
    });
    return records
      .filter((found) => found.type === type && found.name === name && sameData(found.data ?? '', data))
      .toSorted((left, right) => left.id - right.id)
      .map(({ id }) => ({ externalId: `${domain}/${id}` }));
  },

  async destroy({ json }, externalId, signal) {
    const [domain = '', id, ...rest] = externalId.split('/');
    if (id === undefined || rest.length > 0) {
      throw new ProviderError(
        'provider_rejected',
        `a record's id can't be "${externalId.slice(0, 80)}": allowed is <domain>/<number>`,
      );
    }
    const path = {
      domain_name: segment('domain', 'a domain', domain),
      domain_record_id: numericId("a record's number", id),
    };
    await whenDone(
      json.DELETE('/v2/domains/{domain_name}/records/{domain_record_id}', {
        params: { path },
        ...streaming(signal),
      }),
    );
  },
};

/** A name that a record points to is written with its final dot; the provider lists it without. */
function dataToWrite({ type, data }: NewDomainRecord): string {
  return type === 'CNAME' && data !== '@' && !data.endsWith('.') ? `${data}.` : data;
}

function sameData(left: string, right: string): boolean {
  return left.replace(/\.$/, '') === right.replace(/\.$/, '');
}
