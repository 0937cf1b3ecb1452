import type { MarginPart } from '../../../domain/margin/convertParts.ts';
import type { Part, Step, Subject } from './step.ts';

/** A side of the margin. */
export type Side = 'revenue' | 'cogs';

export interface Reporting {
  /** The reporting currency. */
  readonly currency: string;
  readonly now: Date;
}

/** All parts of a figure, and how they make it. */
export interface SideParts extends Pick<Step, 'how' | 'resources'> {
  readonly parts: readonly Part[];
}

/** A figure in cents of the reporting currency, with all of its parts. */
export interface FoundFigure extends SideParts, Pick<Step, 'label'> {
  readonly cents: number;
}

type Owned = Pick<MarginPart, 'tenantId' | 'bucket' | 'deploymentId'>;

/** Whether a part is of a subject that names an owner. */
export function ofSubject({ tenantId, deploymentId, bucket }: Subject): (part: Owned) => boolean {
  return (part) =>
    (tenantId === undefined ? bucket === undefined || part.tenantId === null : part.tenantId === tenantId) &&
    (deploymentId === undefined || part.deploymentId === deploymentId) &&
    (bucket === undefined || part.bucket === bucket);
}
