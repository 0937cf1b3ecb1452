import type { Account, Balance, Droplet, Image, Project, ProjectResource } from './account.ts';
import { centsOf, usdOf } from './cents.ts';
import { buildDroplet } from './droplets.ts';
import { readGoldenHistory, readGoldenInventory } from './goldenFiles.ts';
import { goldenInvoices, goldenPreview } from './goldenInvoices.ts';
import { otherResources } from './otherResources.ts';
import { platformResources } from './platformResources.ts';
import { seededUuid } from './seeded.ts';
import { regionSlugs, regions, sizes } from './sizesAndRegions.ts';

/**
 * The account whose figures are known: 137 invoices back to December 2014, April 2026 with 33 lines and $86.92, ten
 * droplets in four projects, and something of every other kind that matches no April line. A new copy each call,
 * the same each time.
 */
export function goldenAccount(): Account {
  const inventory = readGoldenInventory();
  const projects = inventory.projects.map(project);
  const projectNames = new Map(inventory.droplets.map((droplet) => [droplet.id, droplet.project]));
  const projectOf = (droplet: Droplet) => projectNames.get(droplet.id) ?? '';
  const droplets = inventory.droplets.map((golden) =>
    buildDroplet({
      id: golden.id,
      name: golden.name,
      size: named(sizes, golden.size_slug),
      region: named(regions, golden.region),
      image: publicImage,
      createdAt: golden.created_at,
      status: golden.status,
      tags: golden.tags,
    }),
  );
  const billingHistory = readGoldenHistory();
  const preview = goldenPreview(droplets, projectOf);
  const others = otherResources(projects, droplets);
  const platform = platformResources(projects, droplets);
  return {
    profile: {
      droplet_limit: 25,
      floating_ip_limit: 3,
      email: 'operator@example.com',
      name: 'Golden Account',
      uuid: seededUuid('golden account').replaceAll('-', ''),
      email_verified: true,
      status: 'active',
      status_message: '',
      team: { uuid: seededUuid('golden team').replaceAll('-', ''), name: 'Arcadia' },
    },
    balance: openBalance(billingHistory[0]?.amount ?? '0.00', preview.amountCents, preview.updatedAt),
    billingHistory,
    invoices: goldenInvoices(billingHistory, droplets, projectOf),
    preview,
    regions: [...regions],
    sizes: [...sizes],
    droplets,
    projects,
    ...others,
    ...platform,
    images: [publicImage, ...others.images],
    projectResources: [
      ...droplets.map((droplet): ProjectResource => {
        const urn = `do:droplet:${droplet.id}`;
        return { urn, projectId: projectId(projectOf(droplet)), assignedAt: droplet.created_at };
      }),
      ...others.projectResources,
      ...platform.projectResources,
    ],
    tags: [{ name: 'pilot' }],
  };
}

const publicImage: Image = {
  id: 155133621,
  name: '24.04 (LTS) x64',
  type: 'base',
  distribution: 'Ubuntu',
  slug: 'ubuntu-24-04-x64',
  public: true,
  regions: [...regionSlugs],
  created_at: '2024-04-26T00:00:00Z',
  min_disk_size: 7,
  size_gigabytes: 2.1,
  description: 'Ubuntu 24.04 (LTS) x64',
  tags: [],
  status: 'available',
  error_message: '',
};

function project(name: string): Project {
  return {
    id: projectId(name),
    owner_uuid: seededUuid('golden team').replaceAll('-', ''),
    owner_id: 258992,
    name,
    description: `${name} resources`,
    purpose: 'Service or API',
    environment: name === 'Staging' ? 'Staging' : 'Production',
    is_default: name === 'Operations',
    created_at: '2016-01-04T00:00:00Z',
    updated_at: '2016-01-04T00:00:00Z',
  };
}

function projectId(name: string): string {
  return seededUuid(`project ${name}`);
}

/** The last invoice is still to be paid; the running month comes on top. */
function openBalance(unpaid: string, usageCents: number, generatedAt: string): Balance {
  const unpaidCents = centsOf(unpaid);
  return {
    month_to_date_balance: usdOf(unpaidCents + usageCents),
    account_balance: unpaid,
    month_to_date_usage: usdOf(usageCents),
    generated_at: generatedAt,
  };
}

/** The entry with this slug; the golden data names no other. */
function named<Entry extends { readonly slug: string }>(entries: readonly Entry[], slug: string): Entry {
  const entry = entries.find((candidate) => candidate.slug === slug);
  if (entry === undefined) throw new RangeError(`the golden inventory names the unknown slug "${slug}"`);
  return entry;
}
