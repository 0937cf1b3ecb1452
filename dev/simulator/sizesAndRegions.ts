import type { Region, Size } from './account.ts';

/** slug, memory MiB, vCPUs, disk GiB, transfer TB, USD a month, USD an hour, description */
type SizeRow = readonly [string, number, number, number, number, number, number, string];

/** More than one page of twenty, as with the real list: a reader of the first page alone misses some. */
const sizeRows: readonly SizeRow[] = [
  ['s-1vcpu-512mb-10gb', 512, 1, 10, 0.5, 4, 0.00595, 'Basic'],
  ['s-1vcpu-1gb', 1024, 1, 25, 1, 6, 0.00893, 'Basic'],
  ['s-1vcpu-1gb-amd', 1024, 1, 25, 1, 7, 0.01042, 'Basic AMD'],
  ['s-1vcpu-1gb-intel', 1024, 1, 25, 1, 7, 0.01042, 'Basic Intel'],
  ['s-1vcpu-2gb', 2048, 1, 50, 2, 12, 0.01786, 'Basic'],
  ['s-1vcpu-2gb-amd', 2048, 1, 50, 2, 14, 0.02083, 'Basic AMD'],
  ['s-1vcpu-2gb-intel', 2048, 1, 50, 2, 14, 0.02083, 'Basic Intel'],
  ['s-2vcpu-2gb', 2048, 2, 60, 3, 18, 0.02679, 'Basic'],
  ['s-2vcpu-2gb-amd', 2048, 2, 60, 3, 21, 0.03125, 'Basic AMD'],
  ['s-2vcpu-2gb-intel', 2048, 2, 60, 3, 21, 0.03125, 'Basic Intel'],
  ['s-2vcpu-4gb', 4096, 2, 80, 4, 24, 0.03571, 'Basic'],
  ['s-2vcpu-4gb-amd', 4096, 2, 80, 4, 28, 0.04167, 'Basic AMD'],
  ['s-2vcpu-4gb-intel', 4096, 2, 80, 4, 28, 0.04167, 'Basic Intel'],
  ['c-2', 4096, 2, 25, 4, 42, 0.0625, 'CPU-Optimized'],
  ['s-4vcpu-8gb', 8192, 4, 160, 5, 48, 0.07143, 'Basic'],
  ['s-4vcpu-8gb-amd', 8192, 4, 160, 5, 56, 0.08333, 'Basic AMD'],
  ['s-4vcpu-8gb-intel', 8192, 4, 160, 5, 56, 0.08333, 'Basic Intel'],
  ['g-2vcpu-8gb', 8192, 2, 25, 4, 63, 0.09375, 'General Purpose'],
  ['m-2vcpu-16gb', 16384, 2, 50, 4, 84, 0.125, 'Memory-Optimized'],
  ['c-4', 8192, 4, 50, 5, 84, 0.125, 'CPU-Optimized'],
  ['s-8vcpu-16gb', 16384, 8, 320, 6, 96, 0.14286, 'Basic'],
  ['g-4vcpu-16gb', 16384, 4, 50, 5, 126, 0.1875, 'General Purpose'],
  ['c-8', 16384, 8, 100, 6, 168, 0.25, 'CPU-Optimized'],
  ['m-4vcpu-32gb', 32768, 4, 100, 6, 168, 0.25, 'Memory-Optimized'],
  ['gpu-4000adax1-20gb', 32768, 8, 500, 10, 565.44, 0.76, 'RTX 4000 Ada GPU - 1X'],
];

const regionNames = [
  ['syd1', 'Sydney 1'],
  ['sgp1', 'Singapore 1'],
  ['sfo2', 'San Francisco 2'],
  ['sfo3', 'San Francisco 3'],
  ['nyc3', 'New York 3'],
  ['fra1', 'Frankfurt 1'],
] as const;

export const regionSlugs: readonly string[] = regionNames.map(([slug]) => slug);

/** The sizes on sale; the golden droplets' prices are among them. */
export const sizes: readonly Size[] = sizeRows.map(
  ([slug, memory, vcpus, disk, transfer, monthly, hourly, description]) => ({
    slug,
    memory,
    vcpus,
    disk,
    transfer,
    price_monthly: monthly,
    price_hourly: hourly,
    regions: regionSlugs,
    available: true,
    description,
  }),
);

export const regions: readonly Region[] = regionNames.map(([slug, name]) => ({
  name,
  slug,
  features: [
    'private_networking',
    'backups',
    'ipv6',
    'metadata',
    'install_agent',
    'storage',
    'image_transfer',
  ],
  available: true,
  sizes: sizes.map((size) => size.slug),
}));
