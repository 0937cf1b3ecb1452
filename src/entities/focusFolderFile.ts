import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { FocusFile } from './focusFile.ts';
import { platformOnly } from './policies.ts';

/** A file of the watched folder as it was taken in, so that it is not read again before it changes. */
export const FocusFolderFile = defineEntity({
  name: 'FocusFolderFile',
  tableName: 'focus_folder_files',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    /** Within the folder. */
    name: p.text().primary(),
    byteSize: p.bigint(),
    modifiedAt: p.datetime(),
    file: p.manyToOne(FocusFile).mapToPk(),
  },
});
export type FocusFolderFile = InferEntity<typeof FocusFolderFile>;
