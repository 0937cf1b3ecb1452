import { liveDriftRevertList } from '../../entities/cloudDriftRevert.ts';

/** Whether a revert holds a resource, as SQL. @param resourceId how the query names the resource's id */
export const isReverting = (resourceId: string) => `exists (
    select from cloud_drift_reverts revert
    where revert.resource_id = ${resourceId} and revert.state in (${liveDriftRevertList})
  )`;
