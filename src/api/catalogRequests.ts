import { z } from 'zod';
import { catalogCode } from './catalogInputs.ts';
import { reason } from './schemas.ts';

export const planCode = z.strictObject({ code: catalogCode });
export const optionalReason = reason.optional();
export const admins = ['platform_admin'] as const;
export const readers = ['platform_admin', 'platform_viewer'] as const;
