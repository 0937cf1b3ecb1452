import { z } from 'zod';
import type { ProviderSize } from '../provider.ts';
import { currency } from './billing.ts';
import type { DigitalOceanClient } from './client.ts';
import { list, streaming } from './listing.ts';
import type { components } from './schema.generated.ts';
import { type Fields, price } from './wire.ts';

const size = z.object({
  slug: z.string().min(1),
  vcpus: z.int(),
  memory: z.int(),
  disk: z.int(),
  price_monthly: price,
  regions: z.array(z.string()),
  available: z.boolean(),
} satisfies Fields<components['schemas']['size']>);

/** The sizes that droplets may have, with list prices. @throws PartialListing where the listing is not whole */
export async function listSizes({ json }: DigitalOceanClient, signal?: AbortSignal): Promise<ProviderSize[]> {
  const sizes = await list({
    what: 'sizes',
    key: 'sizes',
    item: size,
    identityOf: ({ slug }) => slug,
    call: (query) => json.GET('/v2/sizes', { params: { query }, ...streaming(signal) }),
  });
  return sizes.map((found) => ({
    slug: found.slug,
    vcpus: found.vcpus,
    memoryMib: found.memory,
    diskGib: found.disk,
    priceMonthly: found.price_monthly,
    currency,
    regions: found.regions,
    isAvailable: found.available,
  }));
}
