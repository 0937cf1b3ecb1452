import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { FocusFile } from './focusFile.ts';
import { platformOnly } from './policies.ts';

/** A piece of a file's content, one gzip stream cut into pieces, so that any worker can read it in bounded memory. */
export const FocusFileChunk = defineEntity({
  name: 'FocusFileChunk',
  tableName: 'focus_file_chunks',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    file: p.manyToOne(FocusFile).mapToPk().primary().deleteRule('cascade'),
    /** From 0. */
    position: p.integer().primary(),
    content: p.blob(),
  },
});
export type FocusFileChunk = InferEntity<typeof FocusFileChunk>;
