import { describe, expect, it } from '@jest/globals';
import { Decimal } from '../../../src/domain/money.ts';
import { classify } from '../../../src/providers/digitalocean/classify.ts';

interface Case {
  readonly product: string;
  readonly group?: string;
  readonly description?: string;
  readonly category?: string | null;
  readonly cost?: string;
}

function classified({ product, group = '', description = '', category = 'iaas', cost = '1' }: Case) {
  const { lineClass, kind, resourceName } = classify({
    product,
    groupDescription: group,
    description,
    category,
    billedCost: new Decimal(cost),
  });
  return [lineClass, kind, resourceName];
}

describe('what a line charges for', () => {
  it.each<[Case, string, string | null, string | null]>([
    [{ product: 'Droplets', description: 'eth (s-4vcpu-8gb)' }, 'resource', 'droplet', 'eth'],
    [{ product: 'Droplets', description: 'web (old) (s-1vcpu-1gb)' }, 'resource', 'droplet', 'web (old)'],
    [{ product: 'Droplets', description: 'legacy, web (s-2vcpu-4gb)' }, 'resource', 'droplet', 'legacy, web'],
    [{ product: 'Droplets', description: 'web' }, 'resource', 'droplet', 'web'],
    [{ product: 'Droplets', description: '' }, 'resource', 'droplet', null],
    [{ product: 'Droplets', description: 'web (s-1vcpu-1gb)', cost: '-3' }, 'resource', 'droplet', 'web'],
    [{ product: ' droplets ', description: 'web (s-1vcpu-1gb)' }, 'resource', 'droplet', 'web'],
    [{ product: 'GPU Droplets', description: 'train (gpu-h100x1-80gb)' }, 'resource', 'droplet', 'train'],
    [
      { product: 'Volumes', description: 'volume-sfo2-01 (sfo2) 100GB' },
      'resource',
      'volume',
      'volume-sfo2-01',
    ],
    [{ product: 'Volumes', description: 'vol-archive (50 GB)' }, 'resource', 'volume', 'vol-archive'],
    [{ product: 'Volumes', description: 'vol-big (1.5 TiB)' }, 'resource', 'volume', 'vol-big'],
    [{ product: 'Volumes', description: 'vol-bare' }, 'resource', 'volume', 'vol-bare'],
    [{ product: 'Snapshots', description: 'base-image (12.4 GB)' }, 'resource', 'snapshot', 'base-image'],
    [
      { product: 'Snapshots', description: 'before (upgrade) (3 GB)' },
      'resource',
      'snapshot',
      'before (upgrade)',
    ],
    [{ product: 'Snapshots', description: 'before (upgrade)' }, 'resource', 'snapshot', 'before (upgrade)'],
    [
      { product: 'Backups', group: 'legacy, web', description: 'Backups for legacy, web' },
      'resource',
      'backup',
      'legacy, web',
    ],
    [{ product: 'Backups', description: 'Backups for web' }, 'resource', 'backup', 'web'],
    [{ product: 'Backups', group: 'web', description: 'Weekly' }, 'resource', 'backup', 'web'],
    [{ product: 'Backups', description: 'web (s-1vcpu-1gb)' }, 'resource', 'backup', 'web'],
    [{ product: 'Load Balancers', description: 'lb-syd1-old' }, 'resource', 'load_balancer', 'lb-syd1-old'],
    [
      { product: 'Floating IPs', description: 'Unused Floating IP - 1.1.1.1' },
      'resource',
      'reserved_ip',
      '1.1.1.1',
    ],
    [
      { product: 'Reserved IPs', description: 'Unused Reserved IP - 203.0.113.7' },
      'resource',
      'reserved_ip',
      '203.0.113.7',
    ],
    [{ product: 'Reserved IPs', description: 'Unused Reserved IPs' }, 'resource', 'reserved_ip', null],
    [
      { product: 'Spaces', group: 'media-assets', description: 'Additional storage (41.5 GiB)' },
      'resource',
      'spaces_bucket',
      'media-assets',
    ],
    [
      { product: 'Spaces', group: 'media-assets', description: 'Outbound bandwidth' },
      'resource',
      'spaces_bucket',
      'media-assets',
    ],
    [
      {
        product: 'Spaces',
        group: 'Spaces subscription',
        description: 'Spaces ($5/mo 250GB storage & 1TB bandwidth)',
      },
      'shared',
      null,
      null,
    ],
    [
      { product: 'Spaces', description: 'Spaces ($5/mo 250GB storage & 1TB bandwidth)' },
      'shared',
      null,
      null,
    ],
    [
      { product: 'Spaces Subscription', description: 'Spaces ($5/mo 250GB storage & 1TB bandwidth)' },
      'shared',
      null,
      null,
    ],
    [
      { product: 'Databases', group: 'backend', description: 'db-s-1vcpu-1gb' },
      'resource',
      'database',
      'backend',
    ],
    [
      { product: 'Managed Databases', description: 'backend (db-s-1vcpu-1gb)' },
      'resource',
      'database',
      'backend',
    ],
    [
      {
        product: 'Kubernetes Clusters',
        group: 'my-doks-cluster',
        description: 'a56e086a317d8410c8b4cfd1f4dc9f82',
      },
      'resource',
      'kubernetes_cluster',
      'my-doks-cluster',
    ],
    [
      { product: 'Kubernetes', group: 'prod', description: '3 nodes - 4 GB / 2 vCPU / 80 GB SSD' },
      'resource',
      'kubernetes_cluster',
      'prod',
    ],
    [
      { product: 'Kubernetes', description: 'a56e086a317d8410c8b4cfd1f4dc9f82' },
      'resource',
      'kubernetes_cluster',
      null,
    ],
    [{ product: 'Domains', description: 'example.com' }, 'resource', 'domain', 'example.com'],
    [{ product: 'Bandwidth', description: 'Bandwidth overage' }, 'shared', null, null],
    [{ product: 'Support', description: 'Premium' }, 'shared', null, null],
    [{ product: 'Taxes', description: 'STATE SALES TAX (6.25%)', category: 'iaas' }, 'tax', null, null],
    [{ product: 'GST', description: 'Goods and Services Tax (10%)', category: 'taxes' }, 'tax', null, null],
    [{ product: 'GST', category: null }, 'tax', null, null],
    [{ product: 'VAT', category: '' }, 'tax', null, null],
    [{ product: 'PST' }, 'tax', null, null],
    [{ product: 'Levy on clouds', category: 'Taxes' }, 'tax', null, null],
    [{ product: 'Credits', category: 'credits', cost: '-1.50' }, 'credit', null, null],
    [{ product: 'Credits', category: null, cost: '-1.50' }, 'credit', null, null],
    [{ product: 'Goodwill', category: 'credits', cost: '-5' }, 'credit', null, null],
    [{ product: 'Goodwill', category: 'credits', cost: '5' }, 'resource', null, null],
    [
      { product: 'Droplets', description: 'web (s-1vcpu-1gb)', category: 'credits', cost: '-5' },
      'resource',
      'droplet',
      'web',
    ],
    [
      { product: 'GPU Droplets', description: 'train-1 (gpu-4000adax1-20gb)' },
      'resource',
      'droplet',
      'train-1',
    ],
    [{ product: 'App Platform', description: 'shop (basic)' }, 'resource', 'app', 'shop'],
    [{ product: 'App Platform', group: 'shop', description: 'web - 1 GB' }, 'resource', 'app', 'shop'],
    [
      { product: 'Container Registry', group: 'images', description: 'storage' },
      'resource',
      'container_registry',
      'images',
    ],
    [{ product: 'Container Registry', description: 'Basic plan' }, 'shared', null, null],
    [
      { product: 'Functions', group: 'hooks', description: 'GB-s' },
      'resource',
      'functions_namespace',
      'hooks',
    ],
    [{ product: 'Functions', description: '90,000 GB-s' }, 'shared', null, null],
    [
      { product: 'Reserved IPv6', description: 'Unused Reserved IPv6 - 2001:db8::10' },
      'resource',
      'reserved_ipv6',
      '2001:db8::10',
    ],
    [{ product: 'Reserved IPv6', description: 'at 12:30' }, 'resource', 'reserved_ipv6', null],
    [{ product: 'Uptime', description: 'shop (basic)' }, 'resource', null, null],
    [{ product: 'constructor', description: 'x' }, 'resource', null, null],
    [{ product: '' }, 'resource', null, null],
  ])('%j is %s, kind %s, name %s', (line, ...expected) => {
    expect(classified(line)).toEqual(expected);
  });

  it('takes no longer than linear time for a hostile description', () => {
    const description = `${'('.repeat(2000)}${' '.repeat(2000)}`;
    const started = performance.now();
    for (const product of ['Droplets', 'Volumes', 'Snapshots', 'Backups', 'Reserved IPs']) {
      classified({ product, description });
    }
    expect(performance.now() - started).toBeLessThan(500);
  });
});
