import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import type { FocusDataset, FocusVersion } from '../domain/focus/columns.ts';
import type { FocusNote } from '../domain/focus/faults.ts';
import { platformOnly } from './policies.ts';

/**
 * `receiving`: its content still arrives. `received`: whole, not read yet. `ingested`: its invoices were stored or held.
 * `refused`: it breaks the specification, and nothing of it was taken; see `error`.
 */
export const focusFileStatuses = ['receiving', 'received', 'ingested', 'refused'] as const;
export type FocusFileStatus = (typeof focusFileStatuses)[number];

/** A FOCUS file as somebody brought it. The same content twice is one file, whatever its name and packing. */
export const FocusFile = defineEntity({
  name: 'FocusFile',
  tableName: 'focus_files',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [{ name: 'focus_files_received', properties: ['receivedAt', 'id'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    /** Of the content, unpacked; null while it arrives. */
    sha256: p.text().nullable().unique('focus_files_content'),
    name: p.text(),
    /** As declared; once it is read, as found. */
    dataset: p.text().$type<FocusDataset>().nullable(),
    version: p.text().$type<FocusVersion>().nullable(),
    /** Whose invoices it brings. */
    providers: p.json().$type<string[]>(),
    /** Of the content, unpacked. */
    byteSize: p.bigint().nullable(),
    rowCount: p.integer().nullable(),
    status: p.text().$type<FocusFileStatus>(),
    /** Why it is refused, with rows and columns. */
    error: p
      .json()
      .$type<{ code: string; message: string; context: { [key: string]: JsonValue } }>()
      .nullable(),
    /** What the specification does not say and was accepted. */
    notes: p.json().$type<FocusNote[]>(),
    uploadedBy: p.text(),
    receivedAt: p.datetime(),
    ingestedAt: p.datetime().nullable(),
  },
});
export type FocusFile = InferEntity<typeof FocusFile>;
