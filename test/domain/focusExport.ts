import { exportColumns, type FocusVersion } from '../../src/domain/focusColumns.ts';
import { type ExportLine, focusFields } from '../../src/domain/focusRow.ts';

/** A line of the April invoice with nothing remarkable but what a test names. */
export function exportLine(named: Partial<ExportLine> = {}): ExportLine {
  return {
    provider: 'digitalocean',
    invoiceUuid: '51b1cfdf-c111-5299-b335-61d3481261aa',
    period: '2026-04-01',
    lineNumber: 1,
    product: 'Droplets',
    groupDescription: '',
    description: 'web-1 (s-1vcpu-1gb)',
    hours: '720',
    chargeStart: new Date('2026-04-01T00:00:00Z'),
    chargeEnd: new Date('2026-05-01T00:00:00Z'),
    billedCost: '6.00',
    currency: 'USD',
    projectName: 'Pilot',
    projectId: 'e34c9150-dbc8-589e-87e1-1522062d98c0',
    category: 'iaas',
    lineClass: 'resource',
    kind: 'droplet',
    resourceName: 'web-1',
    providerResourceId: '412000100',
    resource: null,
    extra: {},
    ...named,
  };
}

/** A matched droplet. */
export const droplet: NonNullable<ExportLine['resource']> = {
  externalId: '412000100',
  kind: 'droplet',
  name: 'web-1',
  region: 'syd1',
  tags: [],
};

/** The lines as rows of a file, by column. */
export function rowsOf(version: FocusVersion, lines: readonly ExportLine[]) {
  const columns = exportColumns(
    version,
    lines.flatMap((line) => Object.keys(line.extra)),
  );
  const header = columns.map((column) => column.name);
  return { header, records: lines.map((line) => focusFields(line, columns)) };
}
