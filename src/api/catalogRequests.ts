import { z } from 'zod';
import type { CatalogRequest } from '../services/catalogChange.ts';
import { catalogCode } from './catalogInputs.ts';
import type { CallerRequest } from './route.ts';
import { reason } from './schemas.ts';

/** Who changes the catalog, as a service is told. */
export const toCatalogRequest = <Reason extends string | undefined>(
  { caller, now, requestId }: Pick<CallerRequest<unknown, unknown, unknown>, 'caller' | 'now' | 'requestId'>,
  why: Reason,
): CatalogRequest & { readonly reason: Reason } => ({ actor: caller, now, requestId, reason: why });

export const planCode = z.strictObject({ code: catalogCode });
export const optionalReason = reason.optional();
export const admins = ['platform_admin'] as const;
export const readers = ['platform_admin', 'platform_viewer'] as const;
